-- The live tier: everything that was accepted, as it came, cheap to write and to merge (LZ4, plain maps, a trace-id filter).
-- The columns are those of src/model/schema.ts, in its order; a test compares the two.
--
-- Partitions are hours of receipt-checked time (see `hour` in schema.ts), so a partition does not bound the event time: the minmax
-- index on the time column does, at one 16-byte pair for 8192 rows.
-- A load is on disk when it returns (fsync), because its segment may be deleted then. Merges need none: their sources are kept for
-- eight minutes, and by then the kernel has written the result.
-- A load of up to 64 MiB is written as a compact part, a few files instead of two for each of some seventy streams: measured with a
-- segment of 100 000 spans (25 MB) that is 83 MB of write buffers instead of 220 for each partition touched, a fifth less CPU, and few
-- files to fsync. Merges make wide parts of them.
-- Ids are random bytes that no codec shrinks, so they are not compressed at all. Sorted times are stored as differences.
-- A block with a token seen among the last 10 000 is counted once (about 100 bytes of memory for each remembered block).

CREATE TABLE IF NOT EXISTS spans_live (
	hour DateTime,
	trace_id FixedString(16) CODEC(NONE),
	span_id FixedString(8) CODEC(NONE),
	parent_span_id FixedString(8),
	trace_state String,
	flags UInt32,
	service_name LowCardinality(String),
	name LowCardinality(String),
	kind Int32,
	start_time DateTime64(9) CODEC(Delta(8), LZ4),
	duration_ns Int64,
	status_code Int32,
	status_message String,
	attributes Map(LowCardinality(String), String),
	attribute_types LowCardinality(String),
	dropped_attributes UInt32,
	event_times Array(DateTime64(9)),
	event_names Array(LowCardinality(String)),
	event_attributes Array(Map(LowCardinality(String), String)),
	event_attribute_types Array(LowCardinality(String)),
	event_dropped_attributes Array(UInt32),
	dropped_events UInt32,
	link_trace_ids Array(FixedString(16)),
	link_span_ids Array(FixedString(8)),
	link_trace_states Array(String),
	link_flags Array(UInt32),
	link_attributes Array(Map(LowCardinality(String), String)),
	link_attribute_types Array(LowCardinality(String)),
	link_dropped_attributes Array(UInt32),
	dropped_links UInt32,
	resource LowCardinality(String),
	scope LowCardinality(String),
	INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
	INDEX start_time_minmax start_time TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY hour
ORDER BY (service_name, name, start_time)
SETTINGS
	non_replicated_deduplication_window = 10000,
	fsync_after_insert = 1,
	fsync_part_directory = 1,
	min_bytes_for_wide_part = 67108864;

CREATE TABLE IF NOT EXISTS logs_live (
	hour DateTime,
	time DateTime64(9) CODEC(Delta(8), LZ4),
	time_ns UInt64 CODEC(Delta(8), LZ4),
	observed_time_ns UInt64 CODEC(Delta(8), LZ4),
	trace_id FixedString(16),
	span_id FixedString(8),
	flags UInt32,
	service_name LowCardinality(String),
	severity_number Int32,
	severity_text LowCardinality(String),
	event_name LowCardinality(String),
	body String,
	body_type LowCardinality(String),
	attributes Map(LowCardinality(String), String),
	attribute_types LowCardinality(String),
	dropped_attributes UInt32,
	resource LowCardinality(String),
	scope LowCardinality(String),
	INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
	INDEX time_minmax time TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY hour
ORDER BY (service_name, time)
SETTINGS
	non_replicated_deduplication_window = 10000,
	fsync_after_insert = 1,
	fsync_part_directory = 1,
	min_bytes_for_wide_part = 67108864;

CREATE TABLE IF NOT EXISTS metric_points_live (
	hour DateTime,
	service_name LowCardinality(String),
	name LowCardinality(String),
	description LowCardinality(String),
	unit LowCardinality(String),
	metadata LowCardinality(String),
	type UInt8,
	temporality Int32,
	is_monotonic UInt8,
	start_time_ns UInt64 CODEC(Delta(8), LZ4),
	time DateTime64(9) CODEC(DoubleDelta, LZ4),
	flags UInt32,
	attributes Map(LowCardinality(String), String),
	attribute_types LowCardinality(String),
	value_type UInt8,
	value Float64,
	value_int Int64,
	present UInt8,
	count UInt64,
	sum Float64,
	min Float64,
	max Float64,
	bucket_counts Array(UInt64),
	explicit_bounds Array(Float64),
	scale Int32,
	zero_count UInt64,
	zero_threshold Float64,
	positive_offset Int32,
	positive_counts Array(UInt64),
	negative_offset Int32,
	negative_counts Array(UInt64),
	quantiles Array(Float64),
	quantile_values Array(Float64),
	exemplar_times Array(UInt64),
	exemplar_value_types Array(UInt8),
	exemplar_values Array(Float64),
	exemplar_value_ints Array(Int64),
	exemplar_trace_ids Array(FixedString(16)),
	exemplar_span_ids Array(FixedString(8)),
	exemplar_attributes Array(Map(LowCardinality(String), String)),
	exemplar_attribute_types Array(LowCardinality(String)),
	resource LowCardinality(String),
	scope LowCardinality(String),
	INDEX time_minmax time TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY hour
ORDER BY (service_name, name, time)
SETTINGS
	non_replicated_deduplication_window = 10000,
	fsync_after_insert = 1,
	fsync_part_directory = 1,
	min_bytes_for_wide_part = 67108864;

-- Readers use these names and never the tables: the kept tier joins them later without changing a query.
CREATE VIEW IF NOT EXISTS spans AS SELECT * FROM spans_live;

CREATE VIEW IF NOT EXISTS logs AS SELECT * FROM logs_live;

CREATE VIEW IF NOT EXISTS metric_points AS SELECT * FROM metric_points_live;
