/** The job that keeps the tiers: rolls hours over, deletes what is past its time or over the budget, says how much there is where. */

import type { Clock } from '../../base/clock.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Job } from '../job.ts';
import { CLASS_OF, type Partition } from './partitions.ts';
import { purgeLive } from './purge.ts';
import { dropOld, type RetentionOptions } from './retention.ts';
import { type RollOverOptions, rollOver } from './roll-over.ts';
import { readState } from './state.ts';
import { TIERS } from './tables.ts';

export interface TiersOptions extends RollOverOptions, RetentionOptions {
	readonly everyMs: number;
}

export function tiersJob(options: TiersOptions): Job {
	const forRetention = { ...options, clock: neverAhead(options.clock) };
	return {
		name: 'tiers',
		everyMs: options.everyMs,
		async run(signal) {
			const { store } = options;
			for (const tables of TIERS) await purgeLive(store, tables, await readState(store, tables.view, signal), signal);
			tell(options.metrics, await dropOld(forRetention, signal));
			// One table's trouble is not the others'.
			const failures: unknown[] = [];
			for (const tables of TIERS) await rollOver(tables, options, signal).catch((error: unknown) => failures.push(error));
			if (failures.length > 0) throw failures[0];
		},
	};
}

/**
 * A clock that is set forward while the platform runs must not make everything old at once: days since the start are counted by the clock
 * that cannot be set. One that is wrong from the start is believed.
 */
function neverAhead(clock: Clock): Clock {
	const offsetMs = clock.nowMs() - clock.monotonicMs();
	return { nowMs: () => Math.min(clock.nowMs(), clock.monotonicMs() + offsetMs), monotonicMs: () => clock.monotonicMs() };
}

function tell(metrics: Metrics, partitions: readonly Partition[]): void {
	const rows = metrics.gauge('throughline_store_table_rows', 'Rows on disk. While an hour changes tiers its rows are in both tables.', [
		'table',
	]);
	const bytes = metrics.gauge('throughline_store_table_bytes', 'Bytes on disk.', ['table']);
	for (const table of CLASS_OF.keys()) {
		const own = partitions.filter((partition) => partition.table === table);
		rows.set(
			own.reduce((sum, partition) => sum + partition.rows, 0),
			{ table },
		);
		bytes.set(
			own.reduce((sum, partition) => sum + partition.bytes, 0),
			{ table },
		);
	}
}
