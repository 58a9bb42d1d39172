/**
 * Jaeger's query API under `/api`, for Grafana's Jaeger data source, Jaeger's UI and scripts written for either. Paths, parameters and
 * answers are those of jaegertracing/jaeger jaegerquery/internal/http_handler.go; unlike there, a search without a service is answered.
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Failure } from '../base/errors.ts';
import { type JaegerSearch, parseJaegerSearch, parseSpanKind } from '../query/jaeger-search.ts';
import { operationNamesPlan, serviceNamesPlan } from '../query/services.ts';
import type { SpanRow } from '../query/span-row.ts';
import { TRACE_SPANS_MAX, tracesSpansPlan } from '../query/trace.ts';
import { type TraceSummaryRow, traceSummariesByIdPlan, traceSummaryPlan } from '../query/trace-search.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { SPAN_KINDS } from './contract.ts';
import type { Inquiry } from './engine.ts';
import { logProblem, prepare, problemOf } from './errors.ts';
import { type JaegerTrace, JaegerTrace as JaegerTraceSchema, jaegerTrace } from './jaeger-format.ts';
import { findTraces } from './trace-finder.ts';
import { traceRows } from './trace-rows.ts';

const JaegerError = z.object({ code: z.number().optional(), msg: z.string(), traceID: z.string().optional() });

function envelope<T extends z.ZodType>(data: T) {
	return z.object({ data, total: z.number(), limit: z.number(), offset: z.number(), errors: z.array(JaegerError).nullable() });
}

const FAILED = Object.fromEntries([400, 404, 422, 429, 503, 504].map((status) => [status, envelope(z.null())]));
const Names = envelope(z.array(z.string()));
const Operations = envelope(z.array(z.object({ name: z.string(), spanKind: z.string() })));
const Traces = envelope(z.array(JaegerTraceSchema));
const text = z.string().optional();
const texts = z.union([z.string(), z.array(z.string())]).optional();

/** Jaeger's clients send parameters of their own beside these (`prettyPrint`, `raw`); they are let pass. */
const SearchQuery = z.object({
	service: text,
	operation: text,
	tag: texts.describe('key:value, repeatable'),
	tags: texts.describe('JSON object of texts'),
	start: text.describe('microseconds since the epoch'),
	end: text.describe('microseconds since the epoch'),
	lookback: text.describe('duration before end, when start is absent, e.g. 1h'),
	minDuration: text.describe('of the matching span, as Go writes it: 1.2s, 100ms'),
	maxDuration: text,
	limit: text.describe('traces, 100 unless told otherwise, at most 1500'),
	traceID: texts.describe('repeatable; exactly these traces'),
});

export function registerJaeger(root: ApiApp, context: ApiContext): void {
	void root.register((scope, _options, done) => {
		const app = scope as ApiApp;
		app.setErrorHandler(sendJaegerError);
		registerNames(app, context);
		registerTraces(app, context);
		done();
	});
}

function registerNames(app: ApiApp, context: ApiContext): void {
	app.get(
		'/api/services',
		{ schema: { summary: 'Service names', tags: ['jaeger'], response: { 200: Names, ...FAILED } } },
		async (_request, reply) => {
			const rows = await context.ask(reply).rows(serviceNamesPlan());
			return answer(
				rows.map((row) => row.service),
				rows.length,
			);
		},
	);

	app.get(
		'/api/services/:service/operations',
		{
			schema: {
				summary: 'Operation names of a service',
				tags: ['jaeger'],
				params: z.object({ service: z.string() }),
				response: { 200: Names, ...FAILED },
			},
		},
		async (request, reply) => {
			const rows = await context.ask(reply).rows(operationNamesPlan(request.params.service));
			const names = [...new Set(rows.map((row) => row.operation))];
			return answer(names, names.length);
		},
	);

	app.get(
		'/api/operations',
		{
			schema: {
				summary: 'Operations of a service with their kinds',
				tags: ['jaeger'],
				querystring: z.object({ service: text, spanKind: text }),
				response: { 200: Operations, ...FAILED },
			},
		},
		async (request, reply) => {
			const { service, spanKind } = request.query;
			if (service === undefined) throw new Failure('invalid_argument', "parameter 'service' is required");
			const kind = spanKind === undefined ? undefined : parseSpanKind(spanKind);
			const rows = await context.ask(reply).rows(operationNamesPlan(service, kind));
			return answer(
				rows.map((row) => ({ name: row.operation, spanKind: row.kind === 0 ? '' : (SPAN_KINDS[row.kind] ?? '') })),
				rows.length,
			);
		},
	);
}

/** Spans all traces of one search may have together; more would be hundreds of megabytes of Jaeger's JSON. */
const SEARCH_SPANS_MAX = 50_000;

function registerTraces(app: ApiApp, context: ApiContext): void {
	app.get(
		'/api/traces',
		{
			schema: {
				summary: 'Search traces, whole traces in the answer',
				tags: ['jaeger'],
				querystring: SearchQuery,
				response: { 200: Traces, ...FAILED },
			},
		},
		async (request, reply) => {
			const { tag, tags, traceID, ...rest } = request.query;
			const search = parseJaegerSearch({ ...rest, tag: list(tag), tags: list(tags), traceID: list(traceID) }, context.clock.nowMs());
			const inquiry = context.ask(reply);
			if (search.traceIds.length > 0) return tracesById(inquiry, search, (spans) => context.hold(reply, spans));
			const { traces } = await findTraces(inquiry, { range: search.range, span: search.span, sort: 'time' }, search.limit);
			return answer(await loadTraces(inquiry, traces, (spans) => context.hold(reply, spans)));
		},
	);

	app.get(
		'/api/traces/:traceId',
		{ schema: { summary: 'One trace', tags: ['jaeger'], params: z.object({ traceId: z.string() }), response: { 200: Traces, ...FAILED } } },
		async (request, reply) => {
			const { traceIds } = parseJaegerSearch({ traceID: [request.params.traceId] }, context.clock.nowMs());
			const inquiry = context.ask(reply);
			const [summary] = await inquiry.rows(traceSummaryPlan(traceIds[0] ?? ''));
			if (summary === undefined) throw new Failure('not_found', 'trace not found');
			await context.hold(reply, Math.min(summary.spanCount, TRACE_SPANS_MAX));
			return answer([await loadTrace(inquiry, summary)]);
		},
	);
}

/** Waits for room in memory, see `ApiContext.hold`. */
type Hold = (spans: number) => Promise<void>;

async function tracesById(inquiry: Inquiry, { traceIds }: JaegerSearch, hold: Hold) {
	const known = new Map((await inquiry.rows(traceSummariesByIdPlan(traceIds))).map((row) => [row.traceId, row]));
	const found = traceIds.flatMap((traceId) => known.get(traceId) ?? []);
	const errors = traceIds.filter((traceId) => !known.has(traceId)).map((traceID) => ({ msg: 'trace not found', traceID }));
	return { ...answer(await loadTraces(inquiry, found, hold)), errors: errors.length === 0 ? null : errors };
}

async function loadTrace(inquiry: Inquiry, summary: TraceSummaryRow): Promise<JaegerTrace> {
	const rows: SpanRow[] = [];
	for await (const page of traceRows(inquiry, summary)) rows.push(...page);
	return jaegerTrace(summary.traceId, rows, truncation(rows.length, summary.spanCount, TRACE_SPANS_MAX));
}

/** The first traces that fit the span limit together, but always one. */
async function loadTraces(inquiry: Inquiry, summaries: readonly TraceSummaryRow[], hold: Hold): Promise<JaegerTrace[]> {
	const taken: TraceSummaryRow[] = [];
	let spans = 0;
	for (const summary of summaries) {
		spans += summary.spanCount;
		if (taken.length > 0 && spans > SEARCH_SPANS_MAX) break;
		taken.push(summary);
	}
	if (taken.length === 0) return [];
	await hold(Math.min(spans, SEARCH_SPANS_MAX));
	const byTrace = Map.groupBy(await inquiry.rows(tracesSpansPlan(taken, SEARCH_SPANS_MAX)), (row) => row.traceId);
	const left = summaries.length - taken.length;
	return taken.map((summary, index) => {
		const rows = byTrace.get(summary.traceId) ?? [];
		const warnings = truncation(rows.length, summary.spanCount, SEARCH_SPANS_MAX);
		if (left > 0 && index === taken.length - 1)
			warnings.push(`${left} more traces were found and left out: one answer holds ${SEARCH_SPANS_MAX} spans`);
		return jaegerTrace(summary.traceId, rows, warnings);
	});
}

function truncation(shown: number, stored: number, limit: number): string[] {
	return shown < stored && shown >= limit ? [`the trace has ${stored} spans, the first ${shown} are shown`] : [];
}

function answer<T>(data: T, total = 0) {
	return { data, total, limit: 0, offset: 0, errors: null };
}

function list(value: string | string[] | undefined): string[] {
	return value === undefined ? [] : [value].flat();
}

function sendJaegerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
	const problem = problemOf(error);
	logProblem(problem, error, request);
	return prepare(reply, problem).send({
		data: null,
		total: 0,
		limit: 0,
		offset: 0,
		errors: [{ code: problem.status, msg: problem.message }],
	});
}
