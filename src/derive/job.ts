/**
 * Work over committed data that is done again and again: roll-over, retention, and what else follows from what is stored.
 *
 * What a job promises:
 * - Its watermark is in the engine, so the next run, perhaps of another process, goes on where this one stopped.
 * - It may be aborted or killed at any step; running it again then loses nothing and does nothing twice.
 * - It delays no acknowledgement and no load, and what it does at once is bounded.
 */

import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Timer } from '../base/timer.ts';

export interface Job {
	readonly name: string;
	/** Pause between the end of a run and the next. */
	readonly everyMs: number;
	/** One run. `signal` aborts when the platform stops. What it throws is logged and counted, and the next run comes all the same. */
	run(signal: AbortSignal): Promise<void>;
}

export interface JobOptions {
	readonly timer: Timer;
	readonly log: Log;
	readonly metrics: Metrics;
}

export interface RunningJob {
	/** Aborts the current run and waits for it. Safe twice. */
	stop(): Promise<void>;
}

const BUCKETS_S = [0.01, 0.1, 1, 10, 60, 600, 3600];

/** Runs the job at once and then for ever, one run at a time. */
export function startJob(job: Job, { timer, log, metrics }: JobOptions): RunningJob {
	const runs = metrics.counter('throughline_job_runs_total', 'Runs of background jobs.', ['job', 'outcome']);
	const seconds = metrics.histogram('throughline_job_seconds', 'Time of one run of a background job.', BUCKETS_S, ['job']);
	const abort = new AbortController();
	let cancel = () => {};
	let current: Promise<void>;
	const runOnce = async () => {
		const startedMs = performance.now();
		try {
			await job.run(abort.signal);
			runs.add(1, { job: job.name, outcome: 'done' });
		} catch (error) {
			if (abort.signal.aborted) return;
			runs.add(1, { job: job.name, outcome: 'failed' });
			log.warn({ error, job: job.name }, 'a job failed and will be tried again');
		}
		seconds.observe((performance.now() - startedMs) / 1000, { job: job.name });
		if (!abort.signal.aborted) cancel = timer.after(job.everyMs, begin);
	};
	const begin = () => {
		current = runOnce();
	};
	current = runOnce();
	return {
		async stop() {
			abort.abort();
			cancel();
			await current;
		},
	};
}
