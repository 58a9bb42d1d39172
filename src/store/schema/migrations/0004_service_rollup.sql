-- The rollup of operations once more without their names: the services page asks about all services over hours or days, and would
-- have to add up the histograms of every operation of every minute. Fed by what is inserted into span_rollup_1m, which one block of
-- spans has already made small, so it costs next to nothing.
CREATE TABLE IF NOT EXISTS service_rollup_1m (
	minute DateTime CODEC(Delta(4), LZ4),
	service_name LowCardinality(String),
	kind Int8,
	is_root UInt8,
	calls SimpleAggregateFunction(sum, UInt64),
	errors SimpleAggregateFunction(sum, UInt64),
	duration_ns SimpleAggregateFunction(sum, Float64),
	latency SimpleAggregateFunction(sumMap, Map(Int16, UInt64)),
	language SimpleAggregateFunction(max, String)
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute, 'UTC')
ORDER BY (minute, service_name, kind, is_root)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS service_rollup_1m_from_span_rollup TO service_rollup_1m AS
SELECT
	minute,
	service_name,
	kind,
	is_root,
	sum(r.calls) AS calls,
	sum(r.errors) AS errors,
	sum(r.duration_ns) AS duration_ns,
	sumMap(r.latency) AS latency,
	max(r.language) AS language
FROM span_rollup_1m AS r
GROUP BY minute, service_name, kind, is_root;

CREATE VIEW IF NOT EXISTS service_rollup AS
SELECT
	minute,
	service_name,
	kind,
	is_root,
	sum(r.calls) AS calls,
	sum(r.errors) AS errors,
	sum(r.duration_ns) AS duration_ns,
	sumMap(r.latency) AS latency,
	max(r.language) AS language
FROM service_rollup_1m AS r
GROUP BY minute, service_name, kind, is_root;
