/** Log records of one trace. */

import type { Plan } from './plan.ts';
import type { TraceBounds } from './trace.ts';

export interface LogRow {
	readonly timeNs: string;
	readonly service: string;
	readonly severityNumber: number;
	readonly severityText: string;
	readonly eventName: string;
	readonly body: string;
	readonly traceId: string;
	/** '' when absent. */
	readonly spanId: string;
	readonly attributes: Readonly<Record<string, string>>;
	readonly attributeTypes: string;
}

export const TRACE_LOGS_MAX = 10_000;
/** Records carry their own clock, and what is logged about a request may be logged after it. */
const AROUND_NS = 3_600_000_000_000n;

/**
 * Oldest first, at most one more than the limit, so that the reader knows whether there is more. Looked for from an hour before the
 * trace to an hour after it; without bounds (no span of the trace is stored) everywhere.
 */
export function traceLogsPlan(traceId: string, bounds: TraceBounds | undefined): Plan<LogRow> {
	const range =
		bounds === undefined
			? { sql: '', params: {} }
			: {
					sql: '\n  AND time >= fromUnixTimestamp64Nano({fromNs:Int64})\n  AND time <= fromUnixTimestamp64Nano({toNs:Int64})',
					params: { fromNs: BigInt(bounds.startNs) - AROUND_NS, toNs: BigInt(bounds.endNs) + AROUND_NS },
				};
	return {
		sql: `SELECT
  toString(toUnixTimestamp64Nano(time)) AS timeNs,
  service_name AS service,
  severity_number AS severityNumber,
  severity_text AS severityText,
  event_name AS eventName,
  body,
  lower(hex(trace_id)) AS traceId,
  if(span_id = toFixedString('', 8), '', lower(hex(span_id))) AS spanId,
  attributes,
  attribute_types AS attributeTypes
FROM logs
WHERE trace_id = toFixedString(unhex({traceId:String}), 16)${range.sql}
ORDER BY time, span_id, body
LIMIT {limit:UInt32}`,
		params: { traceId, limit: TRACE_LOGS_MAX + 1, ...range.params },
	};
}
