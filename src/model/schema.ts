/**
 * The columns of every signal, in the order they travel: this one list is what the decoders fill, what the Native encoder
 * writes, what a buffer segment holds and what the engine's `*_live` tables are created from.
 *
 * Conventions
 * - Ids are raw bytes (`FixedString(16)` trace, `FixedString(8)` span); all zero means absent.
 * - Times are nanoseconds since the epoch, stored as `DateTime64(9)` (two's complement int64 of the OTLP uint64, so lossless).
 * - Attributes are `Map(LowCardinality(String), String)` holding a text form of each value, with a companion `*_types` column
 *   that names the type of every attribute that is not a string (see `attribute-text.ts`). Duplicate keys: the last one wins.
 * - `resource` and `scope` are low-cardinality JSON texts (see `attribute-text.ts`): one dictionary entry for each distinct
 *   resource in a block, so ten resource attributes cost one index a row; SQL functions over them run on the dictionary only.
 * - `hour` is the partition: the hour of the record's own time when that lies within [received - 7 d, received + 1 h], else the
 *   hour of receipt, so that a sender with a broken clock can neither create partitions without bound nor lose its data to
 *   retention at once.
 */

export type ScalarType =
	| 'UInt8'
	| 'UInt16'
	| 'UInt32'
	| 'UInt64'
	| 'Int32'
	| 'Int64'
	| 'Float64'
	| 'DateTime'
	| 'DateTime64(9)'
	| 'FixedString(8)'
	| 'FixedString(16)'
	| 'String'
	| 'LowCardinality(String)'
	| 'Map(LowCardinality(String), String)';

export type ColumnType = ScalarType | `Array(${ScalarType})`;

export interface ColumnSpec {
	readonly name: string;
	readonly type: ColumnType;
}

export type Signal = 'traces' | 'logs' | 'metrics';

export interface TableSpec {
	readonly signal: Signal;
	/** Name of the live-tier table in the engine. Readers use the view without `_live`. */
	readonly table: 'spans_live' | 'logs_live' | 'metric_points_live';
	readonly columns: readonly ColumnSpec[];
}

const LC = 'LowCardinality(String)';
const MAP = 'Map(LowCardinality(String), String)';

function columns(spec: Readonly<Record<string, ColumnType>>): readonly ColumnSpec[] {
	return Object.entries(spec).map(([name, type]) => ({ name, type }));
}

/** One row per span. `events` and `links` are parallel arrays, one element per event or link. */
export const SPANS: TableSpec = {
	signal: 'traces',
	table: 'spans_live',
	columns: columns({
		hour: 'DateTime',
		trace_id: 'FixedString(16)',
		span_id: 'FixedString(8)',
		parent_span_id: 'FixedString(8)',
		trace_state: 'String',
		flags: 'UInt32',
		service_name: LC,
		name: LC,
		kind: 'Int32',
		start_time: 'DateTime64(9)',
		duration_ns: 'Int64',
		status_code: 'Int32',
		status_message: 'String',
		attributes: MAP,
		attribute_types: LC,
		dropped_attributes: 'UInt32',
		event_times: 'Array(DateTime64(9))',
		event_names: 'Array(LowCardinality(String))',
		event_attributes: 'Array(Map(LowCardinality(String), String))',
		event_attribute_types: 'Array(LowCardinality(String))',
		event_dropped_attributes: 'Array(UInt32)',
		dropped_events: 'UInt32',
		link_trace_ids: 'Array(FixedString(16))',
		link_span_ids: 'Array(FixedString(8))',
		link_trace_states: 'Array(String)',
		link_flags: 'Array(UInt32)',
		link_attributes: 'Array(Map(LowCardinality(String), String))',
		link_attribute_types: 'Array(LowCardinality(String))',
		link_dropped_attributes: 'Array(UInt32)',
		dropped_links: 'UInt32',
		resource: LC,
		scope: LC,
	}),
};

/**
 * One row per log record. `time` falls back to the observed time and then to the time of receipt for sorting only:
 * `time_ns` and `observed_time_ns` keep what came (0 = absent). `body_type` is '' when the body is absent, 's' for a string, else a type letter.
 */
export const LOGS: TableSpec = {
	signal: 'logs',
	table: 'logs_live',
	columns: columns({
		hour: 'DateTime',
		time: 'DateTime64(9)',
		time_ns: 'UInt64',
		observed_time_ns: 'UInt64',
		trace_id: 'FixedString(16)',
		span_id: 'FixedString(8)',
		flags: 'UInt32',
		service_name: LC,
		severity_number: 'Int32',
		severity_text: LC,
		event_name: LC,
		body: 'String',
		body_type: LC,
		attributes: MAP,
		attribute_types: LC,
		dropped_attributes: 'UInt32',
		resource: LC,
		scope: LC,
	}),
};

/** Values of `metric_points.type`; the numbers are the field numbers of `Metric.data` in metrics.proto. */
export const METRIC_TYPE = { gauge: 5, sum: 7, histogram: 9, exponentialHistogram: 10, summary: 11 } as const;
/** Values of `metric_points.value_type`. */
export const NUMBER_TYPE = { none: 0, double: 1, int: 2 } as const;
/** Bits of `metric_points.present`: which optional fields the sender set. */
export const POINT_PRESENT = { sum: 1, min: 2, max: 4 } as const;

/** One row per data point, all five types in one table; columns a type does not use hold their default. */
export const METRIC_POINTS: TableSpec = {
	signal: 'metrics',
	table: 'metric_points_live',
	columns: columns({
		hour: 'DateTime',
		service_name: LC,
		name: LC,
		description: LC,
		unit: LC,
		/** JSON text of `Metric.metadata`, '' when empty; same form as the attributes part of `resource`. */
		metadata: LC,
		type: 'UInt8',
		temporality: 'Int32',
		is_monotonic: 'UInt8',
		start_time_ns: 'UInt64',
		time: 'DateTime64(9)',
		flags: 'UInt32',
		attributes: MAP,
		attribute_types: LC,
		value_type: 'UInt8',
		/** The value as a double for queries; for ints also exact in `value_int`. */
		value: 'Float64',
		value_int: 'Int64',
		present: 'UInt8',
		count: 'UInt64',
		sum: 'Float64',
		min: 'Float64',
		max: 'Float64',
		bucket_counts: 'Array(UInt64)',
		explicit_bounds: 'Array(Float64)',
		scale: 'Int32',
		zero_count: 'UInt64',
		zero_threshold: 'Float64',
		positive_offset: 'Int32',
		positive_counts: 'Array(UInt64)',
		negative_offset: 'Int32',
		negative_counts: 'Array(UInt64)',
		quantiles: 'Array(Float64)',
		quantile_values: 'Array(Float64)',
		exemplar_times: 'Array(UInt64)',
		exemplar_value_types: 'Array(UInt8)',
		exemplar_values: 'Array(Float64)',
		exemplar_value_ints: 'Array(Int64)',
		exemplar_trace_ids: 'Array(FixedString(16))',
		exemplar_span_ids: 'Array(FixedString(8))',
		exemplar_attributes: 'Array(Map(LowCardinality(String), String))',
		exemplar_attribute_types: 'Array(LowCardinality(String))',
		resource: LC,
		scope: LC,
	}),
};

/** The live tables' own last column, given by the loader: the second in which the row's load began (derive/tiers/arrivals.ts). */
export const ARRIVAL: ColumnSpec = { name: 'arrival', type: 'UInt32' };

export const TABLES: readonly TableSpec[] = [SPANS, LOGS, METRIC_POINTS];
