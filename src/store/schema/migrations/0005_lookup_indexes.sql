-- Lookups by id that would otherwise touch a granule of every part.
--
-- The trace list reads the complete summaries of one page of traces, 50 to 500 random ids: in a table sorted by id every part has a
-- granule where each might be. At one false answer in 10 000 a page of 50 reads 0.5 % of the granules in vain; 2.4 bytes a trace.
ALTER TABLE trace_summaries ADD INDEX IF NOT EXISTS trace_id_bloom trace_id TYPE bloom_filter(0.0001) GRANULARITY 1;

-- A trace shows which spans of other traces link to it, within a day. Most granules hold few links or none, so the filter is small.
ALTER TABLE spans_live ADD INDEX IF NOT EXISTS link_trace_ids_bloom link_trace_ids TYPE bloom_filter(0.01) GRANULARITY 1;
