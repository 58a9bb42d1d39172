-- One row for each trace and hour, kept up by a materialized view: what the trace list shows, and the time bounds that make a
-- lookup by id cheap. A trace arrives in several inserts and may cross hours, and merges happen when they happen, so a trace has
-- one or more rows here: readers group by trace_id, or read the view `traces`, which does.
--
-- `entry_*` is the service and name of the root span, or of the earliest span while no root has come: argMin over the start time,
-- where a root counts as 2^62 ns (146 years) earlier than it is. With several roots the earliest wins.
-- The arithmetic is on wrapping 64-bit integers because a view that throws would refuse the spans themselves.
CREATE TABLE IF NOT EXISTS trace_summaries (
	hour DateTime,
	trace_id FixedString(16) CODEC(NONE),
	start_time SimpleAggregateFunction(min, DateTime64(9)),
	end_time SimpleAggregateFunction(max, DateTime64(9)),
	span_count SimpleAggregateFunction(sum, UInt64),
	error_count SimpleAggregateFunction(sum, UInt64),
	root_count SimpleAggregateFunction(sum, UInt64),
	entry_service AggregateFunction(argMin, String, Int64),
	entry_name AggregateFunction(argMin, String, Int64),
	service_spans SimpleAggregateFunction(sumMap, Map(String, UInt64)),
	service_errors SimpleAggregateFunction(sumMap, Map(String, UInt64)),
	INDEX start_time_minmax start_time TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY hour
ORDER BY trace_id
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_summaries_from_spans TO trace_summaries AS
WITH
	parent_span_id = toFixedString('', 8) AS is_root,
	toUnixTimestamp64Nano(s.start_time) AS start_ns,
	if(is_root, start_ns - 4611686018427387904, start_ns) AS entry_order
SELECT
	hour,
	trace_id,
	min(s.start_time) AS start_time,
	max(fromUnixTimestamp64Nano(greatest(start_ns, start_ns + duration_ns))) AS end_time,
	count() AS span_count,
	countIf(status_code = 2) AS error_count,
	countIf(is_root) AS root_count,
	argMinState(toString(service_name), entry_order) AS entry_service,
	argMinState(toString(name), entry_order) AS entry_name,
	sumMap(map(toString(service_name), toUInt64(1))) AS service_spans,
	sumMapIf(map(toString(service_name), toUInt64(1)), status_code = 2) AS service_errors
FROM spans_live AS s
GROUP BY hour, trace_id;

-- Filters on trace_id reach the primary key through the GROUP BY. Filters on the other columns do not: bound the ids first, see
-- src/store/schema/README.md.
CREATE VIEW IF NOT EXISTS traces AS
SELECT
	trace_id,
	min(s.start_time) AS start_time,
	max(s.end_time) AS end_time,
	toUnixTimestamp64Nano(max(s.end_time)) - toUnixTimestamp64Nano(min(s.start_time)) AS duration_ns,
	sum(s.span_count) AS span_count,
	sum(s.error_count) AS error_count,
	sum(s.root_count) = 0 AS root_missing,
	argMinMerge(s.entry_service) AS root_service,
	argMinMerge(s.entry_name) AS root_name,
	sumMap(s.service_spans) AS service_spans,
	sumMap(s.service_errors) AS service_errors
FROM trace_summaries AS s
GROUP BY trace_id;
