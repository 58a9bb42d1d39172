/**
 * The way back: rows from the engine as OTLP JSON requests. What was received is given back whole, types, dropped counts, schema URLs and
 * non-finite numbers included; only the order of attributes with numeric names, of records between resources and scopes, and the
 * difference between an empty message and none where it means the same are not kept.
 *
 * ```ts
 * const rows = await query<SpanRow>(`SELECT ${selectList(SPAN_SELECT)} FROM spans WHERE trace_id = unhex({id:String})`);
 * const request = tracesToOtlpJson(rows);   // {"resourceSpans": [...]}
 * ```
 */

export type { JsonObject } from './otlp-json/envelope.ts';
export { logsToOtlpJson } from './otlp-json/logs.ts';
export { metricsToOtlpJson } from './otlp-json/metrics.ts';
export {
	LOG_SELECT,
	type LogRow,
	METRIC_POINT_SELECT,
	type MetricPointRow,
	type SelectList,
	SPAN_SELECT,
	type SpanRow,
	selectList,
} from './otlp-json/rows.ts';
export { tracesToOtlpJson } from './otlp-json/traces.ts';
