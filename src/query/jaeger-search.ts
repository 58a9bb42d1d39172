/**
 * The search parameters of Jaeger's query API (jaegerquery/internal/query_parser.go), read into our own search. What Jaeger keeps as
 * tags of a span but OTLP keeps in fields (`error`, `span.kind`, `otel.status_code`) is searched in those fields.
 */

import { Failure } from '../base/errors.ts';
import { parseTraceId, type TraceId } from '../base/ids.ts';
import type { AttributeFilter } from './attribute-filter.ts';
import { parseDurationNs } from './duration-text.ts';
import type { SpanFilter } from './span-filter.ts';
import { resolveRange, type TimeRange } from './time-range.ts';

/** Query string values as they came; repeatable ones as arrays. */
export interface JaegerSearchParams {
	readonly service?: string | undefined;
	readonly operation?: string | undefined;
	readonly tag?: readonly string[] | undefined;
	readonly tags?: readonly string[] | undefined;
	/** Microseconds since the epoch. */
	readonly start?: string | undefined;
	readonly end?: string | undefined;
	readonly lookback?: string | undefined;
	readonly minDuration?: string | undefined;
	readonly maxDuration?: string | undefined;
	readonly limit?: string | undefined;
	readonly traceID?: readonly string[] | undefined;
}

export interface JaegerSearch {
	readonly range: TimeRange;
	readonly span: SpanFilter;
	readonly limit: number;
	/** When given, exactly these traces are asked for and the rest is ignored. */
	readonly traceIds: readonly TraceId[];
}

/** Jaeger's own defaults: the last two days, a hundred traces. */
const LOOKBACK_MS = 2 * 86_400_000;
const LIMIT_DEFAULT = 100;
/** Jaeger's UI offers up to 1 500. */
const LIMIT_MAX = 1_500;
const TRACE_IDS_MAX = 1_500;

const KINDS: Readonly<Record<string, number>> = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };

/** Throws `Failure('invalid_argument')` in Jaeger's words. */
export function parseJaegerSearch(params: JaegerSearchParams, nowMs: number): JaegerSearch {
	const range = jaegerRange(params, nowMs);
	const minSpanDurationNs = duration('minDuration', params.minDuration);
	const maxSpanDurationNs = duration('maxDuration', params.maxDuration);
	if (minSpanDurationNs !== undefined && maxSpanDurationNs !== undefined && maxSpanDurationNs < minSpanDurationNs)
		throw new Failure('invalid_argument', "'maxDuration' should be greater than 'minDuration'");
	return {
		range,
		span: { service: params.service, operation: params.operation, minSpanDurationNs, maxSpanDurationNs, ...tagFilter(params) },
		limit: limitOf(params.limit),
		traceIds: traceIds(params.traceID ?? []),
	};
}

export function parseSpanKind(text: string): number {
	const kind = KINDS[text.toLowerCase()];
	if (kind === undefined)
		throw new Failure('invalid_argument', `unable to parse param 'spanKind': unsupported span kind: '${text}'`, {
			hint: `one of ${Object.keys(KINDS).join(', ')}`,
		});
	return kind;
}

function jaegerRange({ start, end, lookback }: JaegerSearchParams, nowMs: number): TimeRange {
	const lookbackNs = lookback === undefined || lookback === 'custom' ? undefined : parseDurationNs(lookback);
	const endMs = micros('end', end);
	const startMs = micros('start', start);
	if (startMs !== undefined && endMs !== undefined && startMs > endMs)
		throw new Failure('invalid_argument', 'invalid parameter: start time must be before end time');
	return resolveRange(
		startMs === undefined ? undefined : Math.floor(startMs),
		endMs === undefined ? undefined : Math.ceil(endMs),
		nowMs,
		lookbackNs === undefined ? LOOKBACK_MS : lookbackNs / 1e6,
	);
}

/** Milliseconds, with a fraction. */
export function micros(name: string, text: string | undefined): number | undefined {
	if (text === undefined || text === '') return undefined;
	if (!/^\d{1,17}$/.test(text))
		throw new Failure('invalid_argument', `unable to parse param '${name}': '${text}' is no number of microseconds since the epoch`);
	return Number(text) / 1_000;
}

function duration(name: string, text: string | undefined): number | undefined {
	if (text === undefined || text === '') return undefined;
	const ns = parseDurationNs(text);
	if (ns === undefined)
		throw new Failure('invalid_argument', `unable to parse param '${name}': invalid duration '${text}'`, {
			hint: 'write 1.2s, 100ms, 500us or 1m30s',
		});
	return ns === 0 ? undefined : ns;
}

function limitOf(text: string | undefined): number {
	if (text === undefined || text === '') return LIMIT_DEFAULT;
	if (!/^\d+$/.test(text) || Number(text) === 0) throw new Failure('invalid_argument', 'invalid parameter: limit must be greater than 0');
	return Math.min(Number(text), LIMIT_MAX);
}

function traceIds(texts: readonly string[]): TraceId[] {
	if (texts.length > TRACE_IDS_MAX)
		throw new Failure('invalid_argument', `traceID is given ${texts.length} times, at most ${TRACE_IDS_MAX} are read`);
	return texts.map((text) => {
		const id = parseTraceId(text);
		if (id === undefined) throw new Failure('invalid_argument', `cannot parse traceID param: '${text.slice(0, 64)}' is no trace id`);
		return id;
	});
}

function tagFilter(params: JaegerSearchParams): Pick<SpanFilter, 'status' | 'kind' | 'attributes'> {
	let status: SpanFilter['status'];
	let kind: number | undefined;
	const attributes: AttributeFilter[] = [];
	for (const [key, value] of readTags(params)) {
		if ((key === 'error' && value === 'true') || (key === 'otel.status_code' && value === 'ERROR')) status = 'error';
		else if (key === 'span.kind') kind = parseSpanKind(value);
		else attributes.push({ key, value });
	}
	return { status, kind, attributes };
}

/** `tag=k:v` splits at the first colon; `tags` is a JSON object of texts and wins over a `tag` of the same key. */
function readTags({ tag = [], tags = [] }: JaegerSearchParams): Map<string, string> {
	const found = new Map<string, string>();
	for (const text of tag) {
		const colon = text.indexOf(':');
		if (colon < 0) throw new Failure('invalid_argument', `malformed 'tag' parameter, expecting key:value, received: ${text.slice(0, 80)}`);
		found.set(text.slice(0, colon), text.slice(colon + 1));
	}
	for (const text of tags) for (const [key, value] of tagsObject(text)) found.set(key, value);
	return found;
}

function tagsObject(text: string): [string, string][] {
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		throw malformedTags();
	}
	if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw malformedTags();
	return Object.entries(parsed).map(([key, value]) => {
		if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [key, String(value)];
		throw malformedTags();
	});
}

function malformedTags(): Failure {
	return new Failure('invalid_argument', "malformed 'tags' parameter, cannot unmarshal JSON", {
		hint: 'write tags={"http.status_code":"500"}, percent-encoded',
	});
}
