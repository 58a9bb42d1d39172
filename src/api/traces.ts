/** Searching traces, and one trace as the columns its waterfall is drawn from. */

import { z } from 'zod';
import { Failure } from '../base/errors.ts';
import { parseTraceId } from '../base/ids.ts';
import { parseAttributeFilters } from '../query/attribute-filter.ts';
import { decodeCursor } from '../query/cursor.ts';
import { resolveRange } from '../query/time-range.ts';
import { linkedFromPlan, type TraceBounds, traceColumnsPlan } from '../query/trace.ts';
import { questionOf, type TraceSearch, type TraceSummaryRow, traceSummaryPlan } from '../query/trace-search.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { PATHS, TraceResponse, TraceSearchQuery, TraceSearchResponse, type TraceSummary } from './contract.ts';
import type { Inquiry } from './engine.ts';
import { ERRORS } from './openapi.ts';
import { waterfall } from './trace-columns.ts';
import { findTraces } from './trace-finder.ts';

export const TraceParams = z.object({ traceId: z.string().describe('32 hex digits; leading zeros may be left out') });

export function registerTraces(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.traces,
		{
			schema: {
				summary: 'Search traces',
				description:
					'A trace is found when one of its spans matches service, operation, status and every attribute together. Traces that begin in the range are searched.',
				tags: ['traces'],
				querystring: TraceSearchQuery.strict(),
				response: { 200: TraceSearchResponse, ...ERRORS },
			},
		},
		async (request, reply): Promise<TraceSearchResponse> => {
			const { search, after } = readSearch(request.query, context.clock.nowMs());
			const inquiry = context.ask(reply);
			const { traces, nextCursor } = await findTraces(inquiry, search, request.query.limit, after);
			return { traces: traces.map(traceSummary), nextCursor, meta: inquiry.meta(search.range, nextCursor !== null) };
		},
	);

	app.get(
		PATHS.trace,
		{ schema: { summary: 'One trace as columns', tags: ['traces'], params: TraceParams, response: { 200: TraceResponse, ...ERRORS } } },
		async (request, reply): Promise<TraceResponse> => {
			const inquiry = context.ask(reply);
			const summary = await requireTrace(inquiry, request.params.traceId);
			const [[columns], linkedFrom] = await Promise.all([inquiry.rows(traceColumnsPlan(summary)), inquiry.rows(linkedFromPlan(summary))]);
			const trace = waterfall(columns);
			const truncated = summary.spanCount > trace.columns.spanId.length;
			return {
				traceId: summary.traceId,
				startNs: summary.startNs,
				durationNs: summary.durationNs,
				spanCount: summary.spanCount,
				truncated,
				...trace,
				linkedFrom: [...linkedFrom],
				meta: inquiry.meta(rangeOf(summary), truncated),
			};
		},
	);
}

function readSearch(query: TraceSearchQuery, nowMs: number): { search: TraceSearch; after?: { value: string; traceId: string } } {
	const { minDurationMs, maxDurationMs } = query;
	if (minDurationMs !== undefined && maxDurationMs !== undefined && minDurationMs > maxDurationMs)
		throw new Failure('invalid_argument', `minDurationMs (${minDurationMs}) is above maxDurationMs (${maxDurationMs})`);
	const attributes = parseAttributeFilters(query.attribute === undefined ? [] : [query.attribute].flat());
	const search: TraceSearch = {
		range: resolveRange(query.from, query.to, nowMs),
		span: { service: query.service, operation: query.operation, status: query.status, attributes },
		minDurationNs: minDurationMs === undefined ? undefined : minDurationMs * 1e6,
		maxDurationNs: maxDurationMs === undefined ? undefined : maxDurationMs * 1e6,
		sort: query.sort,
	};
	if (query.cursor === undefined) return { search };
	const cursor = decodeCursor(query.cursor, questionOf(search));
	return { search: { ...search, range: cursor.range }, after: cursor };
}

/** The complete summary of a trace; throws `Failure`: `invalid_argument` for what is no id, `not_found`. */
export async function requireTrace(inquiry: Inquiry, text: string): Promise<TraceSummaryRow> {
	const traceId = requireTraceId(text);
	const [summary] = await inquiry.rows(traceSummaryPlan(traceId));
	if (summary === undefined)
		throw new Failure('not_found', `trace ${traceId} is not stored`, { hint: 'it may not have arrived yet, or be past its retention' });
	return summary;
}

export function requireTraceId(text: string): string {
	const traceId = parseTraceId(text);
	if (traceId === undefined)
		throw new Failure('invalid_argument', `'${text.slice(0, 64)}' is no trace id`, {
			hint: 'a trace id is 1 to 32 hex digits, not all zero',
		});
	return traceId;
}

/** The trace's own extent in whole milliseconds. */
export function rangeOf({ startNs, endNs }: TraceBounds): { fromMs: number; toMs: number } {
	return { fromMs: Number(BigInt(startNs) / 1_000_000n), toMs: Number((BigInt(endNs) + 999_999n) / 1_000_000n) };
}

function traceSummary(row: TraceSummaryRow): TraceSummary {
	const services = Object.entries(row.serviceSpans)
		.map(([service, spans]) => ({ service, spanCount: Number(spans), errorCount: Number(row.serviceErrors[service] ?? 0) }))
		.sort((a, b) => b.spanCount - a.spanCount || (a.service < b.service ? -1 : 1));
	return {
		traceId: row.traceId,
		startNs: row.startNs,
		durationNs: row.durationNs,
		spanCount: row.spanCount,
		errorCount: row.errorCount,
		rootService: row.rootService,
		rootName: row.rootName,
		rootMissing: row.rootMissing === 1,
		services,
	};
}
