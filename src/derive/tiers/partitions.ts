/** What is on disk, by table and partition: for retention, for the disk budget and for the metrics. */

import { Failure } from '../../base/errors.ts';
import type { Store } from '../../store/client.ts';
import { DROP_ANY_SIZE } from './purge.ts';
import { TIERS } from './tables.ts';

export interface Partition {
	readonly table: string;
	readonly id: string;
	/** Seconds since the epoch: its rows are of the time from the first up to before the second. */
	readonly fromS: number;
	readonly toS: number;
	readonly rows: number;
	readonly bytes: number;
}

export type RetentionClass = 'spans' | 'logs' | 'metrics' | 'rollups';

/** Every table with telemetry. Summaries of traces go with their spans: a list must not show what cannot be opened. */
export const CLASS_OF: ReadonlyMap<string, RetentionClass> = new Map([
	['spans_live', 'spans'],
	['spans_kept', 'spans'],
	['trace_summaries', 'spans'],
	['logs_live', 'logs'],
	['logs_kept', 'logs'],
	['metric_points_live', 'metrics'],
	['metric_points_kept', 'metrics'],
	['span_rollup_1m', 'rollups'],
	['service_rollup_1m', 'rollups'],
]);

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

export async function readPartitions(store: Store, abortSignal: AbortSignal): Promise<Partition[]> {
	const { rows } = await store.query<Pick<Partition, 'table' | 'id' | 'rows' | 'bytes'>>(
		`SELECT p.table AS table, p.partition_id AS id, sum(p.rows) AS rows, sum(p.bytes_on_disk) AS bytes FROM system.parts AS p
WHERE active AND database = {database:String} AND table IN {tables:Array(String)} GROUP BY table, id ORDER BY table, id`,
		{ database: store.database, tables: [...CLASS_OF.keys()] },
		{ abortSignal },
	);
	return rows.map((row) => ({ ...row, ...span(row.id) }));
}

/** The partition of an hour is named by its first second, that of a day by its date in UTC. */
function span(id: string): { fromS: number; toS: number } {
	const day = /^(\d{4})(\d\d)(\d\d)$/.exec(id);
	if (day === null) return { fromS: Number(id), toS: Number(id) + HOUR_S };
	const fromS = Date.UTC(Number(day[1]), Number(day[2]) - 1, Number(day[3])) / 1000;
	return { fromS, toS: fromS + DAY_S };
}

/**
 * Deletes a partition; answers the rows readers saw in it. A live and a kept partition of the same hour are counted each by its share
 * of what the view shows, so that a row on its way from one to the other counts once.
 */
export async function dropPartition(store: Store, partition: Partition, abortSignal: AbortSignal): Promise<number> {
	const { table, id } = partition;
	const rows = await visibleRows(store, partition, abortSignal);
	await store.command(`ALTER TABLE ${table} DROP PARTITION ID {id:String}`, { id }, { abortSignal, settings: DROP_ANY_SIZE });
	return rows;
}

async function visibleRows(store: Store, { table, fromS, rows }: Partition, abortSignal: AbortSignal): Promise<number> {
	const tier = TIERS.find(({ live, kept }) => table === live || table === kept);
	if (tier === undefined) return rows;
	const visible = table === tier.live ? '(hour >= state.1 OR arrival >= state.2)' : 'roll <= state.3';
	const answer = await store.query<{ rows: number }>(
		`WITH (SELECT (max(hour_before), max(arrival_before), max(roll)) FROM tier_state WHERE table_name = {view:String}) AS state
SELECT count() AS rows FROM ${table} WHERE hour = {hour:UInt32} AND ${visible}`,
		{ view: tier.view, hour: fromS },
		{ abortSignal },
	);
	const [counted] = answer.rows;
	if (counted === undefined) throw new Failure('internal', `counting ${table} answered nothing`);
	return counted.rows;
}
