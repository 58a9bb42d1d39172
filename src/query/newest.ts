/** Whether anything is stored, and when the newest span began. */

import { nanosOfMs, type Plan } from './plan.ts';

/** The newest minute with spans, in seconds since the epoch; no row while nothing is stored. Read from the end of the rollup. */
export function newestMinutePlan(): Plan<{ readonly minute: number }> {
	return { sql: 'SELECT toUnixTimestamp(minute) AS minute FROM service_rollup_1m ORDER BY minute DESC LIMIT 1', params: {} };
}

const HOUR_MS = 3_600_000;

/**
 * Start of the newest span from that minute on, leaving out clocks more than an hour ahead; milliseconds, 0 when there is none: data
 * older than a week counts to the minute it came in. Without a minute all spans are looked at.
 */
export function newestSpanPlan(nowMs: number, minute = 0): Plan<{ readonly startMs: number }> {
	return {
		sql: `SELECT toFloat64(toUnixTimestamp64Milli(max(start_time))) AS startMs
FROM spans
WHERE start_time >= fromUnixTimestamp64Nano({fromNs:Int64}) AND start_time <= fromUnixTimestamp64Nano({toNs:Int64})`,
		params: { fromNs: nanosOfMs(minute * 1_000), toNs: nanosOfMs(nowMs + HOUR_MS) },
	};
}
