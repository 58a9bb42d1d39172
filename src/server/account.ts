/** The account of rows for the API: what ingest counted beside what the buffer knows. */

import type { PipelineResponse } from '../api/contract.ts';
import { missingRows } from '../buffer/accounts.ts';
import type { BufferStats } from '../buffer/buffer.ts';
import { TABLES } from '../model/schema.ts';
import type { CollectedMetrics } from './metrics.ts';

/** `stats` of the buffer and its limit in bytes; `sinceMs`: when this process began to count. */
export async function pipelineAccount(
	metrics: CollectedMetrics,
	stats: BufferStats,
	bytesMax: number,
	sinceMs: number,
): Promise<PipelineResponse> {
	const rejected = await metrics.read('throughline_ingest_rejected_total');
	const failed = await metrics.read('throughline_ingest_failed_total');
	return {
		sinceMs,
		signals: TABLES.map(({ table, signal }) => {
			const account = stats.accounts.get(table);
			const of = (samples: typeof rejected) => samples.filter(({ labels }) => labels.signal === signal);
			return {
				signal,
				accepted: account?.appended ?? 0,
				recovered: account?.recovered ?? 0,
				rejected: Object.fromEntries(of(rejected).flatMap(({ labels, value }) => (value > 0 ? [[String(labels.reason), value]] : []))),
				failed: of(failed).reduce((sum, { value }) => sum + value, 0),
				stored: account?.loaded ?? 0,
				inBuffer: account?.inFlight ?? 0,
				dropped: Object.fromEntries(Object.entries(account?.dropped ?? {}).filter(([, rows]) => rows > 0)),
				unaccounted: account === undefined ? 0 : missingRows(account),
			};
		}),
		buffer: { segments: stats.segments, bytes: stats.bytes, bytesMax, oldestSeconds: stats.oldestAgeMs / 1000 },
	};
}
