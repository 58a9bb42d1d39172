/** The buffer as the platform runs it: on the real disk, loading into the store, its account of rows told by signal at `/metrics`. */

import { randomBytes } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import { type BufferStats, DROP_REASONS, SegmentBuffer, type TableAccount } from '../buffer/buffer.ts';
import { realFiles } from '../buffer/files.ts';
import type { Arrivals } from '../derive/tiers/arrivals.ts';
import { TABLES } from '../model/schema.ts';
import type { Store } from '../store/client.ts';
import { bufferDirectory, bufferKeys } from './buffer-settings.ts';
import type { Config } from './config.ts';
import { segmentLoader } from './load-segments.ts';
import type { CollectedMetrics, Sample } from './metrics.ts';

const SYNC_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

export async function openBuffer(
	config: Config,
	store: Store,
	arrivals: Arrivals,
	metrics: CollectedMetrics,
	log: Log,
): Promise<SegmentBuffer> {
	const syncSeconds = metrics.histogram('throughline_buffer_sync_seconds', 'Time of one fsync.', SYNC_BUCKETS_S);
	const buffer = await SegmentBuffer.open({
		directory: bufferDirectory(config),
		loader: segmentLoader(store, arrivals, metrics),
		limits: config.buffer,
		keys: bufferKeys(config),
		files: realFiles,
		clock: systemClock,
		timer: systemTimer,
		random: (count) => randomBytes(count),
		log,
		onSync: (durationMs) => syncSeconds.observe(durationMs / 1000),
	});
	tellState(metrics, () => buffer.stats());
	tellAccounts(metrics, () => buffer.stats());
	return buffer;
}

function tellState(metrics: CollectedMetrics, stats: () => BufferStats): void {
	const gauge = (name: string, help: string, value: (stats: BufferStats) => number) =>
		metrics.observed(`throughline_buffer_${name}`, help, 'gauge', () => value(stats()));
	const counter = (name: string, help: string, value: (stats: BufferStats) => number) =>
		metrics.observed(`throughline_buffer_${name}_total`, help, 'counter', () => value(stats()));
	gauge('segments', 'Segments not yet loaded.', ({ segments }) => segments);
	gauge('bytes', 'Bytes of segments not yet loaded.', ({ bytes }) => bytes);
	gauge('oldest_seconds', 'Age of the oldest segment not yet loaded.', ({ oldestAgeMs }) => oldestAgeMs / 1000);
	counter('refused', 'Appends refused because the buffer or the disk is full.', ({ refusedAppends }) => refusedAppends);
	counter('load_failures', 'Loads that failed and are tried again.', ({ loadFailures }) => loadFailures);
	counter('lost_records', 'Commits lost in part or whole to damage on disk, as far as it can be told.', ({ lostRecords }) => lostRecords);
}

/** appended + recovered = stored + dropped + in the buffer, for each signal and at any moment. */
function tellAccounts(metrics: CollectedMetrics, stats: () => BufferStats): void {
	const bySignal = (read: (account: TableAccount) => number) =>
		function* (): Iterable<Sample> {
			const { accounts } = stats();
			for (const { table, signal } of TABLES) {
				const account = accounts.get(table);
				yield { labels: { signal }, value: account === undefined ? 0 : read(account) };
			}
		};
	const signal = ['signal'];
	metrics.observedSeries(
		'throughline_buffer_appended_rows_total',
		'Rows made durable.',
		'counter',
		signal,
		bySignal(({ appended }) => appended),
	);
	metrics.observedSeries(
		'throughline_buffer_recovered_rows_total',
		'Rows an earlier run had made durable and not loaded.',
		'counter',
		signal,
		bySignal(({ recovered }) => recovered),
	);
	metrics.observedSeries(
		'throughline_buffer_rows',
		'Rows durable, and neither stored nor dropped yet.',
		'gauge',
		signal,
		bySignal(({ inFlight }) => inFlight),
	);
	metrics.observedSeries(
		'throughline_store_rows_total',
		'Rows of segments now in the engine.',
		'counter',
		signal,
		bySignal(({ loaded }) => loaded),
	);
	metrics.observedSeries(
		'throughline_buffer_dropped_rows_total',
		'Durable rows that will not reach the engine, by reason.',
		'counter',
		['signal', 'reason'],
		function* () {
			const { accounts } = stats();
			for (const { table, signal } of TABLES)
				for (const reason of DROP_REASONS) yield { labels: { signal, reason }, value: accounts.get(table)?.dropped[reason] ?? 0 };
		},
	);
}
