/**
 * Searching traces, in two phases. The first finds ids and sort keys on light columns; the second reads the complete summaries of at
 * most one page of them.
 *
 * A trace lies in the range when its earliest span does. Its summary is kept in parts (one for each insert and hour), so a part may
 * lie in the range while the trace began before it; the second phase sees the whole trace and drops such rows, and `accepts` below
 * says which. Spans that match a filter, and parts that make a trace longer, are looked for up to one hour past the range's end.
 *
 * Sorted by time the range is cut into slices, newest first, each eight times the one before: the newest page of a day's traces then
 * costs a sixty-fourth of the day, and an empty search about a sixth more than one scan. Slices do not show: every trace belongs to
 * exactly one, and what matches does not depend on where they lie.
 */

import { type Cursor, encodeCursor } from './cursor.ts';
import { emptyClause, int64, nanosOfMs, type Plan, where } from './plan.ts';
import { addSpanConditions, isEmptyFilter, type SpanFilter } from './span-filter.ts';
import type { TimeRange } from './time-range.ts';

export type TraceSort = 'time' | 'duration';

export interface TraceSearch {
	readonly range: TimeRange;
	readonly span: SpanFilter;
	/** The whole trace's duration. */
	readonly minDurationNs?: number | undefined;
	readonly maxDurationNs?: number | undefined;
	readonly sort: TraceSort;
}

/** Where in the order a trace stands; nanoseconds as decimal text. */
export interface TraceKey {
	readonly value: string;
	readonly traceId: string;
}

/** Traces whose start lies in it, both ends included, nanoseconds since the epoch. */
export interface Slice {
	readonly fromNs: bigint;
	readonly toNs: bigint;
}

const TAIL_NS = 3_600_000_000_000n;
const SLICES_PER_RANGE = 64n;
const SLICE_GROWTH = 8n;
const SLICE_NS_MIN = 60_000_000_000n;
const MS_LAST_NS = 999_999n;

/** The slices still to be searched, in order; `after` is the key the page before ended with. */
export function slicesOf({ range, sort }: TraceSearch, after?: TraceKey): Slice[] {
	const fromNs = nanosOfMs(range.fromMs);
	const endNs = nanosOfMs(range.toMs) + MS_LAST_NS;
	if (sort === 'duration') return [{ fromNs, toNs: endNs }];
	const slices: Slice[] = [];
	let toNs = after === undefined ? endNs : min(endNs, BigInt(after.value));
	let lengthNs = max(SLICE_NS_MIN, (endNs - fromNs) / SLICES_PER_RANGE);
	while (toNs >= fromNs) {
		const start = max(fromNs, toNs - lengthNs);
		// A remainder shorter than the slice itself is not worth a query of its own.
		const last = start - fromNs < lengthNs;
		slices.push({ fromNs: last ? fromNs : start, toNs });
		if (last) break;
		toNs = start - 1n;
		lengthNs *= SLICE_GROWTH;
	}
	return slices;
}

export interface TraceKeyRow extends TraceKey {
	readonly startNs: string;
}

/** Phase one: keys of a slice in order, after `after` when given. */
export function traceKeysPlan(search: TraceSearch, slice: Slice, limit: number, after?: TraceKey): Plan<TraceKeyRow> {
	const { conditions, params } = emptyClause();
	const having: string[] = [];
	const endNs = nanosOfMs(search.range.toMs) + MS_LAST_NS;
	const needsDuration = search.sort === 'duration' || search.minDurationNs !== undefined || search.maxDurationNs !== undefined;
	params.from = slice.fromNs;
	params.to = slice.toNs;
	conditions.push('s.start_time >= fromUnixTimestamp64Nano({from:Int64})');
	if (needsDuration) {
		params.partsTo = endNs + TAIL_NS;
		conditions.push('s.start_time <= fromUnixTimestamp64Nano({partsTo:Int64})');
		having.push('start_ns <= {to:Int64}');
	} else conditions.push('s.start_time <= fromUnixTimestamp64Nano({to:Int64})');
	if (!isEmptyFilter(search.span)) {
		const matching = emptyClause();
		matching.conditions.push(
			'start_time >= fromUnixTimestamp64Nano({from:Int64})',
			'start_time <= fromUnixTimestamp64Nano({spansTo:Int64})',
		);
		addSpanConditions(matching, search.span);
		Object.assign(params, matching.params, { spansTo: endNs + TAIL_NS });
		conditions.push(`trace_id IN (
    SELECT trace_id FROM spans
    ${where(matching.conditions)}
  )`);
	}
	if (search.minDurationNs !== undefined) {
		having.push('duration_ns >= {minDuration:Int64}');
		params.minDuration = int64(Math.ceil(search.minDurationNs));
	}
	if (search.maxDurationNs !== undefined) {
		having.push('duration_ns <= {maxDuration:Int64}');
		params.maxDuration = int64(search.maxDurationNs);
	}
	const key = search.sort === 'time' ? 'start_ns' : 'duration_ns';
	if (after !== undefined) {
		having.push(`(${key}, trace_id) < ({afterValue:Int64}, toFixedString(unhex({afterId:String}), 16))`);
		params.afterValue = after.value;
		params.afterId = after.traceId;
	}
	params.limit = limit;
	return {
		sql: `SELECT lower(hex(trace_id)) AS traceId, toString(${key}) AS value, toString(start_ns) AS startNs
FROM (
  SELECT
    trace_id,
    toUnixTimestamp64Nano(min(s.start_time)) AS start_ns,
    toUnixTimestamp64Nano(max(s.end_time)) - start_ns AS duration_ns
  FROM trace_summaries AS s
  ${where(conditions)}
  GROUP BY trace_id
)
${where(having)}
ORDER BY ${key} DESC, trace_id DESC
LIMIT {limit:UInt32}`,
		params,
	};
}

export interface TraceSummaryRow {
	readonly traceId: string;
	readonly startNs: string;
	readonly endNs: string;
	readonly durationNs: number;
	readonly spanCount: number;
	readonly errorCount: number;
	readonly rootMissing: number;
	readonly rootService: string;
	readonly rootName: string;
	readonly serviceSpans: Readonly<Record<string, number | string>>;
	readonly serviceErrors: Readonly<Record<string, number | string>>;
}

/** Parts of a listed trace are read from a day before the earliest listed start to a day after the latest. */
const PARTS_NS = 24n * 3_600_000_000_000n;

const IN_IDS = 'trace_id IN (SELECT arrayJoin(arrayMap(id -> toFixedString(unhex(id), 16), {ids:Array(String)})))';

/** Phase two: the complete summaries of these traces. */
export function traceSummariesPlan(keys: readonly TraceKeyRow[]): Plan<TraceSummaryRow> {
	const starts = keys.map((key) => BigInt(key.startNs));
	return {
		sql: summariesSql(`${IN_IDS}
  AND s.start_time >= fromUnixTimestamp64Nano({partsFrom:Int64})
  AND s.start_time <= fromUnixTimestamp64Nano({partsTo:Int64})`),
		params: {
			ids: keys.map((key) => key.traceId),
			partsFrom: starts.reduce(min, starts[0] ?? 0n) - PARTS_NS,
			partsTo: starts.reduce(max, starts[0] ?? 0n) + PARTS_NS,
		},
	};
}

/** The complete summaries of these traces, wherever in time they lie. */
export function traceSummariesByIdPlan(ids: readonly string[]): Plan<TraceSummaryRow> {
	return { sql: summariesSql(IN_IDS), params: { ids } };
}

/** The complete summary of one trace, wherever in time it lies. */
export function traceSummaryPlan(traceId: string): Plan<TraceSummaryRow> {
	return { sql: summariesSql('trace_id = toFixedString(unhex({traceId:String}), 16)'), params: { traceId } };
}

function summariesSql(condition: string): string {
	return `SELECT
  lower(hex(trace_id)) AS traceId,
  toString(toUnixTimestamp64Nano(min(s.start_time))) AS startNs,
  toString(toUnixTimestamp64Nano(max(s.end_time))) AS endNs,
  toFloat64(toUnixTimestamp64Nano(max(s.end_time)) - toUnixTimestamp64Nano(min(s.start_time))) AS durationNs,
  toFloat64(sum(s.span_count)) AS spanCount,
  toFloat64(sum(s.error_count)) AS errorCount,
  toUInt8(sum(s.root_count) = 0) AS rootMissing,
  argMinMerge(s.entry_service) AS rootService,
  argMinMerge(s.entry_name) AS rootName,
  sumMap(s.service_spans) AS serviceSpans,
  sumMap(s.service_errors) AS serviceErrors
FROM trace_summaries AS s
WHERE ${condition}
GROUP BY trace_id`;
}

/**
 * Whether a complete summary is the trace its key promised. By time the start must be the key's: a trace whose start proved earlier
 * stands further down the order and is found there. By duration it must satisfy the search as a whole.
 */
export function accepts(search: TraceSearch, slice: Slice, key: TraceKeyRow, summary: TraceSummaryRow): boolean {
	const startNs = BigInt(summary.startNs);
	if (search.sort === 'time' && summary.startNs !== key.value) return false;
	if (startNs < slice.fromNs || startNs > slice.toNs) return false;
	if (search.minDurationNs !== undefined && summary.durationNs < search.minDurationNs) return false;
	return search.maxDurationNs === undefined || summary.durationNs <= search.maxDurationNs;
}

/** Everything that makes a search this search, the range apart: a cursor is good for no other. */
export function questionOf({ span, minDurationNs, maxDurationNs, sort }: TraceSearch): string {
	return JSON.stringify([
		sort,
		minDurationNs ?? null,
		maxDurationNs ?? null,
		span.service ?? null,
		span.operation ?? null,
		span.status ?? null,
		span.kind ?? null,
		span.minSpanDurationNs ?? null,
		span.maxSpanDurationNs ?? null,
		(span.attributes ?? []).map(({ key, value }) => [key, value]),
	]);
}

export function cursorAfter(search: TraceSearch, last: TraceKey): string {
	const cursor: Cursor = { range: search.range, value: last.value, traceId: last.traceId };
	return encodeCursor(cursor, questionOf(search));
}

function min(a: bigint, b: bigint): bigint {
	return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
	return a > b ? a : b;
}
