-- The kept tier: where an hour goes when it has aged past the live window, once and in large parts. What is written here is read for
-- weeks and hardly merged again, so it is packed harder: ZSTD(3), attributes ZSTD(7), compressed blocks of at least 256 KiB, ids as they
-- are because nothing shrinks random bytes, sorted times as differences, durations by the bits they need. Write buffers begin small, as a
-- part has some 100 streams. src/store/schema/string-stream.ts adds a setting, docs/decisions/011-kept-tier.md has the measurements.
--
-- Spans and logs lie in stretches of five minutes, because most questions are about a part of an hour and a trace is about seconds; points of
-- a metric are read over hours, so they stay together.
--
-- The columns are those of the live tables, then `roll`: the number of the roll-over that brought the row. The filters of the live
-- tables, and one value for all of a part (GRANULARITY 8192) of the time and of `roll`, so that a part outside a range costs nothing.

CREATE TABLE IF NOT EXISTS spans_kept (
	hour DateTime CODEC(ZSTD(1)),
	trace_id FixedString(16) CODEC(NONE),
	span_id FixedString(8) CODEC(NONE),
	parent_span_id FixedString(8) CODEC(ZSTD(3)),
	trace_state String CODEC(ZSTD(3)),
	flags UInt32 CODEC(ZSTD(3)),
	service_name LowCardinality(String) CODEC(ZSTD(3)),
	name LowCardinality(String) CODEC(ZSTD(3)),
	kind Int32 CODEC(ZSTD(3)),
	start_time DateTime64(9) CODEC(Delta(8), ZSTD(3)),
	duration_ns Int64 CODEC(T64, ZSTD(3)),
	status_code Int32 CODEC(ZSTD(3)),
	status_message String CODEC(ZSTD(3)),
	attributes Map(LowCardinality(String), String) CODEC(ZSTD(7)),
	attribute_types LowCardinality(String) CODEC(ZSTD(3)),
	dropped_attributes UInt32 CODEC(ZSTD(3)),
	event_times Array(DateTime64(9)) CODEC(Delta(8), ZSTD(3)),
	event_names Array(LowCardinality(String)) CODEC(ZSTD(3)),
	event_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(3)),
	event_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(3)),
	event_dropped_attributes Array(UInt32) CODEC(ZSTD(3)),
	dropped_events UInt32 CODEC(ZSTD(3)),
	link_trace_ids Array(FixedString(16)) CODEC(ZSTD(3)),
	link_span_ids Array(FixedString(8)) CODEC(ZSTD(3)),
	link_trace_states Array(String) CODEC(ZSTD(3)),
	link_flags Array(UInt32) CODEC(ZSTD(3)),
	link_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(3)),
	link_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(3)),
	link_dropped_attributes Array(UInt32) CODEC(ZSTD(3)),
	dropped_links UInt32 CODEC(ZSTD(3)),
	resource LowCardinality(String) CODEC(ZSTD(3)),
	scope LowCardinality(String) CODEC(ZSTD(3)),
	roll UInt64 CODEC(Delta(8), ZSTD(1)),
	INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
	INDEX start_time_minmax start_time TYPE minmax GRANULARITY 1,
	INDEX link_trace_ids_bloom link_trace_ids TYPE bloom_filter(0.01) GRANULARITY 1,
	INDEX start_time_of_part start_time TYPE minmax GRANULARITY 8192,
	INDEX roll_of_part roll TYPE minmax GRANULARITY 8192
)
ENGINE = MergeTree
PARTITION BY hour
ORDER BY (intDiv(toUnixTimestamp64Nano(start_time), 300000000000), service_name, name, start_time)
SETTINGS
	fsync_after_insert = 1,
	fsync_part_directory = 1,
	min_compress_block_size = 262144,
	max_compress_block_size = 1048576,
	min_columns_to_activate_adaptive_write_buffer = 1;

CREATE TABLE IF NOT EXISTS logs_kept (
	hour DateTime CODEC(ZSTD(1)),
	time DateTime64(9) CODEC(Delta(8), ZSTD(3)),
	time_ns UInt64 CODEC(Delta(8), ZSTD(3)),
	observed_time_ns UInt64 CODEC(Delta(8), ZSTD(3)),
	trace_id FixedString(16) CODEC(ZSTD(3)),
	span_id FixedString(8) CODEC(ZSTD(3)),
	flags UInt32 CODEC(ZSTD(3)),
	service_name LowCardinality(String) CODEC(ZSTD(3)),
	severity_number Int32 CODEC(ZSTD(3)),
	severity_text LowCardinality(String) CODEC(ZSTD(3)),
	event_name LowCardinality(String) CODEC(ZSTD(3)),
	body String CODEC(ZSTD(3)),
	body_type LowCardinality(String) CODEC(ZSTD(3)),
	attributes Map(LowCardinality(String), String) CODEC(ZSTD(7)),
	attribute_types LowCardinality(String) CODEC(ZSTD(3)),
	dropped_attributes UInt32 CODEC(ZSTD(3)),
	resource LowCardinality(String) CODEC(ZSTD(3)),
	scope LowCardinality(String) CODEC(ZSTD(3)),
	roll UInt64 CODEC(Delta(8), ZSTD(1)),
	INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
	INDEX time_minmax time TYPE minmax GRANULARITY 1,
	INDEX time_of_part time TYPE minmax GRANULARITY 8192,
	INDEX roll_of_part roll TYPE minmax GRANULARITY 8192
)
ENGINE = MergeTree
PARTITION BY hour
ORDER BY (intDiv(toUnixTimestamp64Nano(time), 300000000000), service_name, time)
SETTINGS
	fsync_after_insert = 1,
	fsync_part_directory = 1,
	min_compress_block_size = 262144,
	max_compress_block_size = 1048576,
	min_columns_to_activate_adaptive_write_buffer = 1;

CREATE TABLE IF NOT EXISTS metric_points_kept (
	hour DateTime CODEC(ZSTD(1)),
	service_name LowCardinality(String) CODEC(ZSTD(3)),
	name LowCardinality(String) CODEC(ZSTD(3)),
	description LowCardinality(String) CODEC(ZSTD(3)),
	unit LowCardinality(String) CODEC(ZSTD(3)),
	metadata LowCardinality(String) CODEC(ZSTD(3)),
	type UInt8 CODEC(ZSTD(3)),
	temporality Int32 CODEC(ZSTD(3)),
	is_monotonic UInt8 CODEC(ZSTD(3)),
	start_time_ns UInt64 CODEC(Delta(8), ZSTD(3)),
	time DateTime64(9) CODEC(DoubleDelta, ZSTD(1)),
	flags UInt32 CODEC(ZSTD(3)),
	attributes Map(LowCardinality(String), String) CODEC(ZSTD(7)),
	attribute_types LowCardinality(String) CODEC(ZSTD(3)),
	value_type UInt8 CODEC(ZSTD(3)),
	value Float64 CODEC(ZSTD(3)),
	value_int Int64 CODEC(ZSTD(3)),
	present UInt8 CODEC(ZSTD(3)),
	count UInt64 CODEC(ZSTD(3)),
	sum Float64 CODEC(ZSTD(3)),
	min Float64 CODEC(ZSTD(3)),
	max Float64 CODEC(ZSTD(3)),
	bucket_counts Array(UInt64) CODEC(ZSTD(3)),
	explicit_bounds Array(Float64) CODEC(ZSTD(3)),
	scale Int32 CODEC(ZSTD(3)),
	zero_count UInt64 CODEC(ZSTD(3)),
	zero_threshold Float64 CODEC(ZSTD(3)),
	positive_offset Int32 CODEC(ZSTD(3)),
	positive_counts Array(UInt64) CODEC(ZSTD(3)),
	negative_offset Int32 CODEC(ZSTD(3)),
	negative_counts Array(UInt64) CODEC(ZSTD(3)),
	quantiles Array(Float64) CODEC(ZSTD(3)),
	quantile_values Array(Float64) CODEC(ZSTD(3)),
	exemplar_times Array(UInt64) CODEC(ZSTD(3)),
	exemplar_value_types Array(UInt8) CODEC(ZSTD(3)),
	exemplar_values Array(Float64) CODEC(ZSTD(3)),
	exemplar_value_ints Array(Int64) CODEC(ZSTD(3)),
	exemplar_trace_ids Array(FixedString(16)) CODEC(ZSTD(3)),
	exemplar_span_ids Array(FixedString(8)) CODEC(ZSTD(3)),
	exemplar_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(3)),
	exemplar_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(3)),
	resource LowCardinality(String) CODEC(ZSTD(3)),
	scope LowCardinality(String) CODEC(ZSTD(3)),
	roll UInt64 CODEC(Delta(8), ZSTD(1)),
	INDEX time_minmax time TYPE minmax GRANULARITY 1,
	INDEX time_of_part time TYPE minmax GRANULARITY 8192,
	INDEX roll_of_part roll TYPE minmax GRANULARITY 8192
)
ENGINE = MergeTree
PARTITION BY hour
ORDER BY (service_name, name, time)
SETTINGS
	fsync_after_insert = 1,
	fsync_part_directory = 1,
	min_compress_block_size = 262144,
	max_compress_block_size = 1048576,
	min_columns_to_activate_adaptive_write_buffer = 1;

-- What tells the tiers apart, one row for each of `spans`, `logs` and `metric_points` once merged; every field only grows, so each
-- step writes one row with the field it means and readers take the largest.
--
-- attempt         the roll-over that may write now; an older one finds that it is not the latest and writes nothing
-- roll            rows of the kept table are visible up to this number: those of a roll-over under way, or given up, are above it
-- hour_before     hours before this one have been rolled over …
-- arrival_before  … as far as their rows arrived before this second. What arrives later for such an hour is late: visible in the live
--                 table until a next roll-over takes it along
CREATE TABLE IF NOT EXISTS tier_state (
	table_name String,
	attempt SimpleAggregateFunction(max, UInt64),
	roll SimpleAggregateFunction(max, UInt64),
	hour_before SimpleAggregateFunction(max, DateTime),
	arrival_before SimpleAggregateFunction(max, UInt32)
)
ENGINE = AggregatingMergeTree
ORDER BY table_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- When the row came in, seconds since the epoch (src/derive/tiers/arrivals.ts). The loader says so; the default serves other programs.
ALTER TABLE spans_live ADD COLUMN IF NOT EXISTS arrival UInt32 DEFAULT toUnixTimestamp(now());

ALTER TABLE logs_live ADD COLUMN IF NOT EXISTS arrival UInt32 DEFAULT toUnixTimestamp(now());

ALTER TABLE metric_points_live ADD COLUMN IF NOT EXISTS arrival UInt32 DEFAULT toUnixTimestamp(now());

-- Every row is visible in one tier: the state is one scalar, read once for each use of a view and the same for both halves, after the
-- live table's parts have been listed and before the kept table's have; so a switch between the two is seen by both or by neither.
CREATE OR REPLACE VIEW spans AS
SELECT * EXCEPT (arrival) FROM spans_live
WHERE hour >= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'spans'), 1)
	OR arrival >= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'spans'), 2)
UNION ALL
SELECT * EXCEPT (roll) FROM spans_kept
WHERE roll <= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'spans'), 3);

CREATE OR REPLACE VIEW logs AS
SELECT * EXCEPT (arrival) FROM logs_live
WHERE hour >= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'logs'), 1)
	OR arrival >= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'logs'), 2)
UNION ALL
SELECT * EXCEPT (roll) FROM logs_kept
WHERE roll <= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'logs'), 3);

CREATE OR REPLACE VIEW metric_points AS
SELECT * EXCEPT (arrival) FROM metric_points_live
WHERE hour >= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'metric_points'), 1)
	OR arrival >= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'metric_points'), 2)
UNION ALL
SELECT * EXCEPT (roll) FROM metric_points_kept
WHERE roll <= tupleElement((SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = 'metric_points'), 3);
