/** Everything about one span. */

import { z } from 'zod';
import { Failure } from '../base/errors.ts';
import { parseSpanId } from '../base/ids.ts';
import type { ResourceText, ScopeText } from '../model/attribute-text.ts';
import type { SpanRow } from '../query/span-row.ts';
import { spanPlan } from '../query/trace.ts';
import { typedAttributes } from './attributes.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { PATHS, SPAN_KINDS, SpanDetail } from './contract.ts';
import { ERRORS } from './openapi.ts';
import { requireTrace, TraceParams } from './traces.ts';

export function registerSpans(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.span,
		{
			schema: {
				summary: 'One span with everything it came with',
				tags: ['traces'],
				params: TraceParams.extend({ spanId: z.string().describe('16 hex digits') }),
				response: { 200: SpanDetail, ...ERRORS },
			},
		},
		async (request, reply): Promise<SpanDetail> => {
			const spanId = parseSpanId(request.params.spanId);
			if (spanId === undefined)
				throw new Failure('invalid_argument', `'${request.params.spanId.slice(0, 64)}' is no span id`, {
					hint: 'a span id is 1 to 16 hex digits, not all zero',
				});
			const inquiry = context.ask(reply);
			const summary = await requireTrace(inquiry, request.params.traceId);
			const [row] = await inquiry.rows(spanPlan(summary, spanId));
			if (row === undefined) throw new Failure('not_found', `trace ${summary.traceId} has no span ${spanId}`);
			return spanDetail(row);
		},
	);
}

const STATUS_CODES = ['unset', 'ok', 'error'] as const;

function spanDetail(row: SpanRow): SpanDetail {
	const resource = parseText<ResourceText>(row.resource);
	const scope = parseText<ScopeText>(row.scope);
	return {
		traceId: row.traceId,
		spanId: row.spanId,
		parentSpanId: row.parentSpanId,
		traceState: row.traceState,
		flags: row.flags,
		service: row.service,
		name: row.name,
		kind: SPAN_KINDS[row.kind] ?? 'unspecified',
		startNs: row.startNs,
		durationNs: Number(row.durationNs),
		statusCode: STATUS_CODES[row.statusCode] ?? 'unset',
		statusMessage: row.statusMessage,
		attributes: typedAttributes(row.attributes, row.attributeTypes),
		droppedAttributes: row.droppedAttributes,
		resource: typedAttributes(resource.attributes, resource.types),
		scope: { name: scope.name ?? '', version: scope.version ?? '', attributes: typedAttributes(scope.attributes, scope.types) },
		events: row.eventTimes.map((timeNs, index) => ({
			timeNs,
			name: row.eventNames[index] ?? '',
			attributes: typedAttributes(row.eventAttributes[index], row.eventAttributeTypes[index]),
			droppedAttributes: row.eventDroppedAttributes[index] ?? 0,
		})),
		droppedEvents: row.droppedEvents,
		links: row.linkTraceIds.map((traceId, index) => ({
			traceId,
			spanId: row.linkSpanIds[index] ?? '',
			traceState: row.linkTraceStates[index] ?? '',
			attributes: typedAttributes(row.linkAttributes[index], row.linkAttributeTypes[index]),
		})),
		droppedLinks: row.droppedLinks,
	};
}

function parseText<T extends object>(text: string): Partial<T> {
	return text === '' ? {} : (JSON.parse(text) as T);
}
