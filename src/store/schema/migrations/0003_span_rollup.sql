-- Rate, errors and latency of every operation, one row for each minute (merged when it happens, so readers group). Operation lists
-- and name suggestions read this and never scan spans; they ask about one service, hence the sort key.
--
-- `minute` lies within the span's `hour` even for senders with broken clocks, so the partition (a UTC day) is bounded like hours are.
-- `latency` maps a bucket to a count: bucket = floor(8 * log2(duration in ns)), see src/store/schema/latency.ts.
CREATE TABLE IF NOT EXISTS span_rollup_1m (
	minute DateTime CODEC(Delta(4), LZ4),
	service_name LowCardinality(String),
	name LowCardinality(String),
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
ORDER BY (service_name, minute, name, kind, is_root)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS span_rollup_1m_from_spans TO span_rollup_1m AS
SELECT
	hour + 60 * greatest(0, least(59, intDiv(toUnixTimestamp64Nano(s.start_time) - toInt64(toUnixTimestamp(hour)) * 1000000000, 60000000000))) AS minute,
	service_name,
	name,
	toInt8(if(s.kind BETWEEN 0 AND 5, s.kind, 0)) AS kind,
	toUInt8(parent_span_id = toFixedString('', 8)) AS is_root,
	count() AS calls,
	countIf(status_code = 2) AS errors,
	sum(toFloat64(s.duration_ns)) AS duration_ns,
	sumMap(map(toInt16(floor(8 * log2(greatest(s.duration_ns, 1)))), toUInt64(1))) AS latency,
	max(toString(JSONExtractString(resource, 'attributes', 'telemetry.sdk.language'))) AS language
FROM spans_live AS s
GROUP BY minute, service_name, name, kind, is_root;

CREATE VIEW IF NOT EXISTS span_rollup AS
SELECT
	minute,
	service_name,
	name,
	kind,
	is_root,
	sum(r.calls) AS calls,
	sum(r.errors) AS errors,
	sum(r.duration_ns) AS duration_ns,
	sumMap(r.latency) AS latency,
	max(r.language) AS language
FROM span_rollup_1m AS r
GROUP BY minute, service_name, name, kind, is_root;
