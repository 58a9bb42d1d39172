/** The job that keeps the tiers (`derive/tiers`), as the platform runs it. */

import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import type { SegmentBuffer } from '../buffer/buffer.ts';
import { type RunningJob, startJob } from '../derive/job.ts';
import { Arrivals } from '../derive/tiers/arrivals.ts';
import { tiersJob } from '../derive/tiers/job.ts';
import { closedBefore } from '../derive/tiers/state.ts';
import type { Store } from '../store/client.ts';
import { useOneStringStream } from '../store/schema/string-stream.ts';
import type { Config } from './config.ts';
import type { CollectedMetrics } from './metrics.ts';

/** To be there before the first row is loaded: rows say when they came, after what was closed before. */
export async function openArrivals(store: Store): Promise<Arrivals> {
	await useOneStringStream(store);
	return new Arrivals(await closedBefore(store), systemClock);
}

/**
 * What is not in our buffer any more is stored; but other platforms may load into the same server, whose buffers we cannot ask. Their rows
 * arrive when their load begins, by their clocks.
 */
const OTHERS_LOAD_MS = 600_000;

export interface TiersParts {
	readonly config: Config;
	readonly store: Store;
	readonly buffer: SegmentBuffer;
	readonly arrivals: Arrivals;
	readonly metrics: CollectedMetrics;
	readonly log: Log;
}

export function keepTiers({ config, store, buffer, arrivals, metrics, log }: TiersParts): RunningJob {
	const { liveHours, jobEverySeconds, retention, diskBytesMax } = config.storage;
	const job = tiersJob({
		store,
		arrivals,
		storedBeforeMs: () => systemClock.nowMs() - Math.max(buffer.stats().oldestAgeMs, store.kind === 'clickhouse' ? OTHERS_LOAD_MS : 0),
		liveHours,
		everyMs: jobEverySeconds * 1_000,
		retentionDays: { spans: retention.spansDays, logs: retention.logsDays, metrics: retention.metricsDays, rollups: retention.rollupsDays },
		diskBytesMax,
		clock: systemClock,
		log: log.child({ job: 'tiers' }),
		metrics,
	});
	return startJob(job, { timer: systemTimer, log, metrics });
}
