/**
 * What is deleted, and why: partitions older than their class is kept, and the oldest ones when all of them take more disk than they
 * may. Whole partitions only, which costs nothing; every one is logged and its rows are counted by reason.
 */

import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Store } from '../../store/client.ts';
import { CLASS_OF, dropPartition, type Partition, type RetentionClass, readPartitions } from './partitions.ts';

export interface RetentionOptions {
	readonly store: Store;
	readonly retentionDays: Readonly<Record<RetentionClass, number>>;
	/** Of all tables together; undefined: as much as there is. */
	readonly diskBytesMax: number | undefined;
	readonly clock: Clock;
	readonly log: Log;
	readonly metrics: Metrics;
}

type Reason = 'retention' | 'disk_budget';

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

/** Deletes what is past its time, then what is over the budget. Answers what is left. */
export async function dropOld(options: RetentionOptions, abortSignal: AbortSignal): Promise<readonly Partition[]> {
	const nowS = options.clock.nowMs() / 1000;
	let left = await readPartitions(options.store, abortSignal);
	const expired = left.filter(({ table, toS }) => toS <= nowS - options.retentionDays[classOf(table)] * DAY_S);
	left = await drop(expired, left, 'retention', options, abortSignal);
	const { diskBytesMax } = options;
	if (diskBytesMax === undefined) return left;
	while (totalBytes(left) > diskBytesMax) {
		const oldest = oldestOf(left, nowS);
		if (oldest.length === 0) {
			options.log.warn(
				{ bytes: totalBytes(left), diskBytesMax },
				'the tables take more disk than storage.diskBytesMax with only the two newest hours left, which are never deleted',
			);
			break;
		}
		left = await drop(oldest, left, 'disk_budget', options, abortSignal);
	}
	return left;
}

/** The oldest hour of all tables, or when only rollups are left, which are small and tell the most a byte, their oldest day. */
function oldestOf(partitions: readonly Partition[], nowS: number): Partition[] {
	const newest = (Math.floor(nowS / HOUR_S) - 1) * HOUR_S;
	for (const rollups of [false, true]) {
		const candidates = partitions.filter(({ table, toS }) => (classOf(table) === 'rollups') === rollups && toS <= newest);
		const first = Math.min(...candidates.map(({ fromS }) => fromS));
		if (candidates.length > 0) return candidates.filter(({ fromS }) => fromS === first);
	}
	return [];
}

async function drop(
	some: readonly Partition[],
	all: readonly Partition[],
	reason: Reason,
	{ store, log, metrics }: RetentionOptions,
	abortSignal: AbortSignal,
): Promise<Partition[]> {
	const dropped = metrics.counter('throughline_store_dropped_rows_total', 'Stored rows deleted for good, by reason.', ['table', 'reason']);
	const gone = new Set(some);
	for (const partition of some) {
		const rows = await dropPartition(store, partition, abortSignal);
		const table = partition.table.replace(/_(live|kept)$/, '');
		dropped.add(rows, { table, reason });
		log.info(
			{ table: partition.table, from: new Date(partition.fromS * 1000).toISOString(), rows, bytes: partition.bytes, reason },
			'deleted a partition',
		);
	}
	return all.filter((partition) => !gone.has(partition));
}

function classOf(table: string): RetentionClass {
	return CLASS_OF.get(table) ?? 'rollups';
}

function totalBytes(partitions: readonly Partition[]): number {
	return partitions.reduce((sum, { bytes }) => sum + bytes, 0);
}
