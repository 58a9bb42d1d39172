/**
 * The API's shapes, shared by server, UI and CLI. Paths live under `/api/v1`; Jaeger's query API lives under `/api` in Jaeger's own JSON.
 *
 * Units stand last in a name. Nanosecond timestamps are decimal strings (they pass 2^53); offsets and durations inside one trace
 * are numbers in nanoseconds. Ids are lower-case hex.
 */

import { z } from 'zod';

/** ISO 8601, or milliseconds since the epoch. */
const instant = z
	.union([z.iso.datetime({ offset: true }), z.coerce.number().int().nonnegative()])
	.transform((value) => (typeof value === 'number' ? value : Date.parse(value)))
	.describe('ISO 8601 time or milliseconds since the epoch');

/** Absent `to` means now; absent `from` means one hour before `to`. */
export const TimeRangeQuery = z.object({ from: instant.optional(), to: instant.optional() });

/** What a query cost and left out; every list answer carries one. */
export const QueryMeta = z.object({
	rowsRead: z.number().describe('rows the engine read'),
	elapsedMs: z.number(),
	truncated: z.boolean().describe('true when a limit cut the answer short'),
	fromMs: z.number(),
	toMs: z.number(),
});
export type QueryMeta = z.infer<typeof QueryMeta>;

export const ErrorBody = z.object({
	error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

const Red = {
	calls: z.number(),
	errors: z.number(),
	callsPerSecond: z.number(),
	errorRatio: z.number().min(0).max(1),
	p50Ms: z.number().nullable(),
	p95Ms: z.number().nullable(),
	p99Ms: z.number().nullable(),
};

export const ServiceSummary = z.object({
	service: z.string(),
	language: z.string().nullable().describe('telemetry.sdk.language: go, rust, nodejs, …'),
	...Red,
	series: z
		.object({
			startMs: z.number(),
			stepMs: z.number(),
			calls: z.array(z.number()),
			errors: z.array(z.number()),
			p95Ms: z.array(z.number().nullable()),
		})
		.describe('at most 60 equal steps over the range; no gaps, 0 where there was no call'),
});
export type ServiceSummary = z.infer<typeof ServiceSummary>;
/** Rate, errors and latency of entry spans (SERVER and CONSUMER; for services that have none, root spans of any kind). */
export const ServicesResponse = z.object({ services: z.array(ServiceSummary), meta: QueryMeta });
export type ServicesResponse = z.infer<typeof ServicesResponse>;

export const SPAN_KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

export const OperationSummary = z.object({ operation: z.string(), kind: z.enum(SPAN_KINDS), ...Red });
export type OperationSummary = z.infer<typeof OperationSummary>;
export const OperationsResponse = z.object({ service: z.string(), operations: z.array(OperationSummary), meta: QueryMeta });
export type OperationsResponse = z.infer<typeof OperationsResponse>;

/** One span of the trace must match service, operation, status and every attribute together; duration is the whole trace's. */
export const TraceSearchQuery = TimeRangeQuery.extend({
	service: z.string().optional(),
	operation: z.string().optional(),
	status: z.enum(['ok', 'error']).optional().describe('error: the span has status Error; ok: it has not'),
	minDurationMs: z.coerce.number().nonnegative().optional(),
	maxDurationMs: z.coerce.number().nonnegative().optional(),
	attribute: z
		.union([z.string(), z.array(z.string())])
		.optional()
		.describe('key=value, repeatable; span and resource attributes; compared as text'),
	sort: z.enum(['time', 'duration']).default('time').describe('newest first, or longest first'),
	limit: z.coerce.number().int().min(1).max(500).default(50),
	cursor: z.string().optional().describe('nextCursor of the page before'),
});
export type TraceSearchQuery = z.infer<typeof TraceSearchQuery>;

export const TraceSummary = z.object({
	traceId: z.string(),
	startNs: z.string(),
	durationNs: z.number(),
	spanCount: z.number(),
	errorCount: z.number(),
	rootService: z.string().describe('service of the root span, or of the earliest span while the root is missing'),
	rootName: z.string(),
	rootMissing: z.boolean(),
	services: z.array(z.object({ service: z.string(), spanCount: z.number(), errorCount: z.number() })),
});
export type TraceSummary = z.infer<typeof TraceSummary>;
export const TraceSearchResponse = z.object({ traces: z.array(TraceSummary), nextCursor: z.string().nullable(), meta: QueryMeta });
export type TraceSearchResponse = z.infer<typeof TraceSearchResponse>;

/**
 * A trace as columns, one element per span in each, sorted by start: what the waterfall draws from. `service` and `name` index
 * `services` and `names`. Details of one span come from its own path.
 */
export const TraceResponse = z.object({
	traceId: z.string(),
	startNs: z.string().describe('start of the earliest span; offsets count from here'),
	durationNs: z.number(),
	spanCount: z.number(),
	truncated: z.boolean().describe('true when the trace has more spans than the limit (100 000)'),
	services: z.array(z.object({ service: z.string(), language: z.string().nullable() })),
	names: z.array(z.string()),
	columns: z.object({
		spanId: z.array(z.string()),
		parentSpanId: z.array(z.string()).describe("'' for a root"),
		service: z.array(z.number()),
		name: z.array(z.number()),
		kind: z.array(z.number()).describe('OTLP number: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer'),
		status: z.array(z.number()).describe('OTLP number: 0 unset, 1 ok, 2 error'),
		startOffsetNs: z.array(z.number()),
		durationNs: z.array(z.number()),
		linkCount: z.array(z.number()),
	}),
	events: z
		.object({ span: z.array(z.number()), offsetNs: z.array(z.number()), name: z.array(z.number()) })
		.describe('span events as columns; span indexes the rows above, name indexes names'),
	linkedFrom: z
		.array(z.object({ traceId: z.string(), spanId: z.string(), service: z.string(), name: z.string(), linkedSpanId: z.string() }))
		.describe('spans of other traces that link to a span of this one, at most 50: detached work, batch consumers'),
	meta: QueryMeta,
});
export type TraceResponse = z.infer<typeof TraceResponse>;

export const Attribute = z.object({
	key: z.string(),
	type: z.enum(['string', 'int', 'double', 'bool', 'bytes', 'array', 'kvlist', 'empty']),
	value: z.string().describe('text form; arrays and kvlists as OTLP JSON'),
});
export type Attribute = z.infer<typeof Attribute>;

export const SpanDetail = z.object({
	traceId: z.string(),
	spanId: z.string(),
	parentSpanId: z.string(),
	traceState: z.string(),
	flags: z.number(),
	service: z.string(),
	name: z.string(),
	kind: z.enum(SPAN_KINDS),
	startNs: z.string(),
	durationNs: z.number(),
	statusCode: z.enum(['unset', 'ok', 'error']),
	statusMessage: z.string(),
	attributes: z.array(Attribute),
	droppedAttributes: z.number(),
	resource: z.array(Attribute),
	scope: z.object({ name: z.string(), version: z.string(), attributes: z.array(Attribute) }),
	events: z.array(z.object({ timeNs: z.string(), name: z.string(), attributes: z.array(Attribute), droppedAttributes: z.number() })),
	droppedEvents: z.number(),
	links: z.array(z.object({ traceId: z.string(), spanId: z.string(), traceState: z.string(), attributes: z.array(Attribute) })),
	droppedLinks: z.number(),
});
export type SpanDetail = z.infer<typeof SpanDetail>;

export const LogRecord = z.object({
	timeNs: z.string(),
	service: z.string(),
	severityNumber: z.number(),
	severityText: z.string(),
	eventName: z.string(),
	body: z.string(),
	traceId: z.string(),
	spanId: z.string(),
	attributes: z.array(Attribute),
});
export type LogRecord = z.infer<typeof LogRecord>;
export const LogsResponse = z.object({ logs: z.array(LogRecord), meta: QueryMeta });
export type LogsResponse = z.infer<typeof LogsResponse>;

export const StatusResponse = z.object({
	version: z.string(),
	hasData: z.boolean().describe('true once any span is stored'),
	lastSpanMs: z.number().nullable().describe('start of the newest stored span'),
	endpoints: z.object({ otlpGrpc: z.string(), otlpHttp: z.string() }),
	engine: z.enum(['embedded', 'clickhouse']),
	buffer: z.object({ segments: z.number(), bytes: z.number(), oldestSeconds: z.number() }),
});
export type StatusResponse = z.infer<typeof StatusResponse>;

const ByReason = z.record(z.string(), z.number());

export const PipelineResponse = z.object({
	sinceMs: z.number().describe('start of the process that counts'),
	signals: z.array(
		z
			.object({
				signal: z.enum(['traces', 'logs', 'metrics']),
				accepted: z.number().describe('acknowledged as durable'),
				recovered: z.number().describe('found in the buffer at the start, accepted by an earlier process'),
				rejected: ByReason.describe('refused one by one with partial_success'),
				failed: z.number().describe('decoded and not made durable; the senders were told'),
				stored: z.number().describe('in the database'),
				inBuffer: z.number().describe('durable, not in the database yet'),
				dropped: ByReason.describe('durable, and will not reach the database'),
				unaccounted: z.number().describe('accepted + recovered - stored - inBuffer - dropped: other than 0 is a bug'),
			})
			.describe('spans, log records or data points'),
	),
	buffer: z.object({
		segments: z.number(),
		bytes: z.number(),
		bytesMax: z.number().describe('with more, senders are asked to wait'),
		oldestSeconds: z.number(),
	}),
});
export type PipelineResponse = z.infer<typeof PipelineResponse>;

export const ExportQuery = TimeRangeQuery.extend({ service: z.string().optional() });

/** Path templates, for client and server alike. */
export const KitsResponse = z.object({
	revision: z.int().describe('of the documents in force here'),
	kits: z.array(
		z.object({
			service: z.string(),
			environment: z.string(),
			instance: z.string(),
			sdk: z.string(),
			revision: z.int().describe("in force at the kit; 0 while its code's own settings count"),
			seenMs: z.number(),
		}),
	),
});
export type KitsResponse = z.infer<typeof KitsResponse>;

export const PATHS = {
	status: '/api/v1/status',
	pipeline: '/api/v1/pipeline',
	services: '/api/v1/services',
	operations: '/api/v1/services/:service/operations',
	traces: '/api/v1/traces',
	trace: '/api/v1/traces/:traceId',
	span: '/api/v1/traces/:traceId/spans/:spanId',
	traceLogs: '/api/v1/traces/:traceId/logs',
	traceOtlp: '/api/v1/traces/:traceId/otlp',
	export: '/api/v1/export/:signal',
	kits: '/api/v1/kits',
	kitConfig: '/v1/kit/config',
	jaegerSampling: '/sampling',
} as const;
