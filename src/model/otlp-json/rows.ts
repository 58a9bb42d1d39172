/**
 * Rows as a SQL client answers them, and the select lists that make them: everything needed to give back the OTLP that came in.
 *
 * The lists work under any output settings: 64-bit integers, times and doubles are selected as text (`nan`, `inf` and `-inf` have no
 * other way through JSON), ids as lower-case hex with '' for an absent one. Aliases differ from the columns' names wherever the value
 * does, so that a `WHERE` beside them still means the column.
 */

/** [expression, alias]; equal when the column is selected as it is. */
export type SelectList = readonly (readonly [expression: string, alias: string])[];

export type TextMap = Readonly<Record<string, string>>;

export interface SpanRow {
	readonly traceId: string;
	readonly spanId: string;
	readonly parentSpanId: string;
	readonly traceState: string;
	readonly flags: number;
	readonly name: string;
	readonly kind: number;
	/** ns since the epoch as the signed decimal of its 64 bits. */
	readonly startNs: string;
	readonly durationNs: string;
	readonly statusCode: number;
	readonly statusMessage: string;
	readonly attributes: TextMap;
	readonly attributeTypes: string;
	readonly droppedAttributes: number;
	readonly eventTimes: readonly string[];
	readonly eventNames: readonly string[];
	readonly eventAttributes: readonly TextMap[];
	readonly eventAttributeTypes: readonly string[];
	readonly eventDroppedAttributes: readonly number[];
	readonly droppedEvents: number;
	readonly linkTraceIds: readonly string[];
	readonly linkSpanIds: readonly string[];
	readonly linkTraceStates: readonly string[];
	readonly linkFlags: readonly number[];
	readonly linkAttributes: readonly TextMap[];
	readonly linkAttributeTypes: readonly string[];
	readonly linkDroppedAttributes: readonly number[];
	readonly droppedLinks: number;
	readonly resource: string;
	readonly scope: string;
}

export interface LogRow {
	/** Decimal ns, '0' when absent; likewise below. */
	readonly timeNs: string;
	readonly observedTimeNs: string;
	readonly traceId: string;
	readonly spanId: string;
	readonly flags: number;
	readonly severityNumber: number;
	readonly severityText: string;
	readonly eventName: string;
	readonly body: string;
	readonly bodyType: string;
	readonly attributes: TextMap;
	readonly attributeTypes: string;
	readonly droppedAttributes: number;
	readonly resource: string;
	readonly scope: string;
}

/** Doubles are text as ClickHouse writes them. */
export interface MetricPointRow {
	readonly name: string;
	readonly description: string;
	readonly unit: string;
	readonly metadata: string;
	readonly type: number;
	readonly temporality: number;
	readonly isMonotonic: number;
	readonly startTimeNs: string;
	/** The signed decimal of its 64 bits. */
	readonly timeNs: string;
	readonly flags: number;
	readonly attributes: TextMap;
	readonly attributeTypes: string;
	readonly valueType: number;
	readonly valueText: string;
	readonly valueInt: string;
	readonly present: number;
	readonly countText: string;
	readonly sumText: string;
	readonly minText: string;
	readonly maxText: string;
	readonly bucketCounts: readonly string[];
	readonly explicitBounds: readonly string[];
	readonly scale: number;
	readonly zeroCount: string;
	readonly zeroThreshold: string;
	readonly positiveOffset: number;
	readonly positiveCounts: readonly string[];
	readonly negativeOffset: number;
	readonly negativeCounts: readonly string[];
	readonly quantileTexts: readonly string[];
	readonly quantileValues: readonly string[];
	readonly exemplarTimes: readonly string[];
	readonly exemplarValueTypes: readonly number[];
	readonly exemplarValues: readonly string[];
	readonly exemplarValueInts: readonly string[];
	readonly exemplarTraceIds: readonly string[];
	readonly exemplarSpanIds: readonly string[];
	readonly exemplarAttributes: readonly TextMap[];
	readonly exemplarAttributeTypes: readonly string[];
	readonly resource: string;
	readonly scope: string;
}

const id = (column: string, bytes: number) => `if(${column} = toFixedString('', ${bytes}), '', lower(hex(${column})))`;
const ids = (column: string, bytes: number) => `arrayMap(id -> if(id = toFixedString('', ${bytes}), '', lower(hex(id))), ${column})`;
const texts = (column: string) => `arrayMap(x -> toString(x), ${column})`;

/** Fields of `SpanRow` from the columns of `spans`. */
export const SPAN_SELECT: SelectList = [
	[id('trace_id', 16), 'traceId'],
	[id('span_id', 8), 'spanId'],
	[id('parent_span_id', 8), 'parentSpanId'],
	['trace_state', 'traceState'],
	['flags', 'flags'],
	['name', 'name'],
	['kind', 'kind'],
	['toString(toUnixTimestamp64Nano(start_time))', 'startNs'],
	['toString(duration_ns)', 'durationNs'],
	['status_code', 'statusCode'],
	['status_message', 'statusMessage'],
	['attributes', 'attributes'],
	['attribute_types', 'attributeTypes'],
	['dropped_attributes', 'droppedAttributes'],
	['arrayMap(t -> toString(toUnixTimestamp64Nano(t)), event_times)', 'eventTimes'],
	['event_names', 'eventNames'],
	['event_attributes', 'eventAttributes'],
	['event_attribute_types', 'eventAttributeTypes'],
	['event_dropped_attributes', 'eventDroppedAttributes'],
	['dropped_events', 'droppedEvents'],
	[ids('link_trace_ids', 16), 'linkTraceIds'],
	[ids('link_span_ids', 8), 'linkSpanIds'],
	['link_trace_states', 'linkTraceStates'],
	['link_flags', 'linkFlags'],
	['link_attributes', 'linkAttributes'],
	['link_attribute_types', 'linkAttributeTypes'],
	['link_dropped_attributes', 'linkDroppedAttributes'],
	['dropped_links', 'droppedLinks'],
	['resource', 'resource'],
	['scope', 'scope'],
];

/** Fields of `LogRow` from the columns of `logs`. */
export const LOG_SELECT: SelectList = [
	['toString(time_ns)', 'timeNs'],
	['toString(observed_time_ns)', 'observedTimeNs'],
	[id('trace_id', 16), 'traceId'],
	[id('span_id', 8), 'spanId'],
	['flags', 'flags'],
	['severity_number', 'severityNumber'],
	['severity_text', 'severityText'],
	['event_name', 'eventName'],
	['body', 'body'],
	['body_type', 'bodyType'],
	['attributes', 'attributes'],
	['attribute_types', 'attributeTypes'],
	['dropped_attributes', 'droppedAttributes'],
	['resource', 'resource'],
	['scope', 'scope'],
];

/** Fields of `MetricPointRow` from the columns of `metric_points`. */
export const METRIC_POINT_SELECT: SelectList = [
	['name', 'name'],
	['description', 'description'],
	['unit', 'unit'],
	['metadata', 'metadata'],
	['type', 'type'],
	['temporality', 'temporality'],
	['is_monotonic', 'isMonotonic'],
	['toString(start_time_ns)', 'startTimeNs'],
	['toString(toUnixTimestamp64Nano(time))', 'timeNs'],
	['flags', 'flags'],
	['attributes', 'attributes'],
	['attribute_types', 'attributeTypes'],
	['value_type', 'valueType'],
	['toString(value)', 'valueText'],
	['toString(value_int)', 'valueInt'],
	['present', 'present'],
	['toString(count)', 'countText'],
	['toString(sum)', 'sumText'],
	['toString(min)', 'minText'],
	['toString(max)', 'maxText'],
	[texts('bucket_counts'), 'bucketCounts'],
	[texts('explicit_bounds'), 'explicitBounds'],
	['scale', 'scale'],
	['toString(zero_count)', 'zeroCount'],
	['toString(zero_threshold)', 'zeroThreshold'],
	['positive_offset', 'positiveOffset'],
	[texts('positive_counts'), 'positiveCounts'],
	['negative_offset', 'negativeOffset'],
	[texts('negative_counts'), 'negativeCounts'],
	[texts('quantiles'), 'quantileTexts'],
	[texts('quantile_values'), 'quantileValues'],
	[texts('exemplar_times'), 'exemplarTimes'],
	['exemplar_value_types', 'exemplarValueTypes'],
	[texts('exemplar_values'), 'exemplarValues'],
	[texts('exemplar_value_ints'), 'exemplarValueInts'],
	[ids('exemplar_trace_ids', 16), 'exemplarTraceIds'],
	[ids('exemplar_span_ids', 8), 'exemplarSpanIds'],
	['exemplar_attributes', 'exemplarAttributes'],
	['exemplar_attribute_types', 'exemplarAttributeTypes'],
	['resource', 'resource'],
	['scope', 'scope'],
];

/** The text between `SELECT` and `FROM`. */
export function selectList(list: SelectList): string {
	return list.map(([expression, alias]) => (expression === alias ? expression : `${expression} AS ${alias}`)).join(', ');
}
