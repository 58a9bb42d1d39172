/** One trace: its spans as columns for the waterfall, as complete rows for export, and the spans of other traces that link to it. */

import type { Plan } from './plan.ts';
import { SPAN_ROW_COLUMNS, type SpanRow } from './span-row.ts';

/** Spans of one trace an answer may hold. At about 120 bytes of JSON each, a full answer is 12 MB before compression. */
export const TRACE_SPANS_MAX = 100_000;

/** Where a trace lies; from its summary, so that a lookup reads an hour of spans and not all of them. Nanoseconds as decimal text. */
export interface TraceBounds {
	readonly traceId: string;
	readonly startNs: string;
	readonly endNs: string;
}

const IN_TRACE = `trace_id = toFixedString(unhex({traceId:String}), 16)
  AND start_time >= fromUnixTimestamp64Nano({startNs:Int64})
  AND start_time <= fromUnixTimestamp64Nano({endNs:Int64})`;

/** One row that holds the whole trace, each field a column, in the same order. */
export interface TraceColumnsRow {
	readonly spanId: string[];
	/** '' for a root. */
	readonly parentSpanId: string[];
	readonly service: string[];
	readonly name: string[];
	readonly kind: number[];
	readonly status: number[];
	readonly startOffsetNs: number[];
	readonly durationNs: number[];
	readonly linkCount: number[];
	readonly eventNames: string[][];
	/** From the trace's start. */
	readonly eventOffsetsNs: number[][];
	/** Distinct pairs of service and resource text. */
	readonly resources: [service: string, resource: string][];
}

/** Spans sorted by start, then id. */
export function traceColumnsPlan({ traceId, startNs, endNs }: TraceBounds): Plan<TraceColumnsRow> {
	return {
		sql: `SELECT
  groupArray(span_id_text) AS spanId,
  groupArray(parent_text) AS parentSpanId,
  groupArray(service_name) AS service,
  groupArray(name) AS name,
  groupArray(kind) AS kind,
  groupArray(status_code) AS status,
  groupArray(offset_ns) AS startOffsetNs,
  groupArray(toFloat64(duration_ns)) AS durationNs,
  groupArray(length(link_span_ids)) AS linkCount,
  groupArray(event_names) AS eventNames,
  groupArray(event_offsets) AS eventOffsetsNs,
  groupUniqArray((toString(service_name), toString(resource))) AS resources
FROM (
  SELECT
    lower(hex(span_id)) AS span_id_text,
    if(parent_span_id = toFixedString('', 8), '', lower(hex(parent_span_id))) AS parent_text,
    service_name,
    name,
    kind,
    status_code,
    toFloat64(toUnixTimestamp64Nano(start_time) - {startNs:Int64}) AS offset_ns,
    duration_ns,
    link_span_ids,
    event_names,
    arrayMap(time -> toFloat64(toUnixTimestamp64Nano(time) - {startNs:Int64}), event_times) AS event_offsets,
    resource
  FROM spans
  WHERE ${IN_TRACE}
  ORDER BY start_time, span_id
  LIMIT {limit:UInt32}
)`,
		params: { traceId, startNs, endNs, limit: TRACE_SPANS_MAX },
	};
}

/** The last span of the page before: its start in nanoseconds as decimal text, and its id. */
export interface SpanKey {
	readonly startNs: string;
	readonly spanId: string;
}

/**
 * A page of complete spans of one trace, sorted by start, then id. The page ends between two keys: spans that share the last one (a
 * sender repeated itself) come along, so that the next page can begin after it.
 */
export function traceSpansPlan({ traceId, startNs, endNs }: TraceBounds, limit: number, after?: SpanKey): Plan<SpanRow> {
	const page =
		after === undefined
			? { sql: '', params: {} }
			: {
					sql: '\n  AND (start_time, span_id) > (fromUnixTimestamp64Nano({afterNs:Int64}), toFixedString(unhex({afterId:String}), 8))',
					params: { afterNs: after.startNs, afterId: after.spanId },
				};
	return {
		sql: `SELECT
  ${SPAN_ROW_COLUMNS}
FROM spans
WHERE ${IN_TRACE}${page.sql}
ORDER BY start_time, span_id
LIMIT {limit:UInt32} WITH TIES`,
		params: { traceId, startNs: after?.startNs ?? startNs, endNs, limit, ...page.params },
	};
}

/** One span. A span id stored twice (a sender that repeated itself after its answer was lost) answers the earlier. */
export function spanPlan({ traceId, startNs, endNs }: TraceBounds, spanId: string): Plan<SpanRow> {
	return {
		sql: `SELECT
  ${SPAN_ROW_COLUMNS}
FROM spans
WHERE ${IN_TRACE}
  AND span_id = toFixedString(unhex({spanId:String}), 8)
ORDER BY start_time
LIMIT 1`,
		params: { traceId, startNs, endNs, spanId },
	};
}

/** Complete spans of several traces, sorted by start, then id; the bounds are those of all of them together. */
export function tracesSpansPlan(traces: readonly TraceBounds[], limit: number): Plan<SpanRow> {
	const starts = traces.map((trace) => BigInt(trace.startNs));
	const ends = traces.map((trace) => BigInt(trace.endNs));
	return {
		sql: `SELECT
  ${SPAN_ROW_COLUMNS}
FROM spans
WHERE trace_id IN (SELECT arrayJoin(arrayMap(id -> toFixedString(unhex(id), 16), {ids:Array(String)})))
  AND start_time >= fromUnixTimestamp64Nano({startNs:Int64})
  AND start_time <= fromUnixTimestamp64Nano({endNs:Int64})
ORDER BY start_time, span_id
LIMIT {limit:UInt32}`,
		params: {
			ids: traces.map((trace) => trace.traceId),
			startNs: starts.reduce((a, b) => (b < a ? b : a), starts[0] ?? 0n),
			endNs: ends.reduce((a, b) => (b > a ? b : a), ends[0] ?? 0n),
			limit,
		},
	};
}

export interface LinkedFromRow {
	readonly traceId: string;
	readonly spanId: string;
	readonly service: string;
	readonly name: string;
	readonly linkedSpanId: string;
}

const LINKED_FROM_MAX = 50;
/** Detached work and batches follow within a day; later links are not looked for. */
const LINKED_WITHIN_NS = 24n * 3_600_000_000_000n;

/** Spans of other traces that link to this one, earliest first. */
export function linkedFromPlan({ traceId, startNs }: TraceBounds): Plan<LinkedFromRow> {
	return {
		sql: `SELECT traceId, spanId, service, name, lower(hex(linked_span_id)) AS linkedSpanId
FROM (
  SELECT
    lower(hex(trace_id)) AS traceId,
    lower(hex(span_id)) AS spanId,
    toString(service_name) AS service,
    toString(name) AS name,
    start_time,
    link_trace_ids,
    link_span_ids
  FROM spans
  WHERE has(link_trace_ids, toFixedString(unhex({traceId:String}), 16))
    AND trace_id != toFixedString(unhex({traceId:String}), 16)
    AND start_time >= fromUnixTimestamp64Nano({startNs:Int64})
    AND start_time <= fromUnixTimestamp64Nano({endNs:Int64})
  ORDER BY start_time, span_id
  LIMIT ${LINKED_FROM_MAX}
)
ARRAY JOIN link_trace_ids AS linked_trace_id, link_span_ids AS linked_span_id
WHERE linked_trace_id = toFixedString(unhex({traceId:String}), 16)
ORDER BY start_time, spanId, linkedSpanId
LIMIT ${LINKED_FROM_MAX}`,
		params: { traceId, startNs, endNs: BigInt(startNs) + LINKED_WITHIN_NS },
	};
}
