/**
 * Deletes rows that no reader sees any more (moved to the other tier) or ever saw (of a roll-over that was given up): whole parts
 * where all of a part is hidden, else those rows of it. Which rows are hidden never turns back, so these statements may come late,
 * twice or not at all.
 */

import { Failure } from '../../base/errors.ts';
import type { Params, Settings, Store } from '../../store/client.ts';
import type { TierState } from './state.ts';
import type { TierTables } from './tables.ts';

const PARTS_PER_STATEMENT = 100;
/** A statement that rewrites parts may take long; it is asked again by the next run if this is not enough. */
const REWRITE_TIMEOUT_MS = 600_000;

/** A server refuses to drop more than 50 GB at once unless told that it is meant. */
export const DROP_ANY_SIZE: Settings = { max_partition_size_to_drop: 0 };

interface HiddenPart {
	readonly part: string;
	readonly partition: string;
	readonly hidden: number;
	readonly rows: number;
}

/** Rows of the live table that have been rolled over. */
export async function purgeLive(store: Store, { live }: TierTables, state: TierState, abortSignal: AbortSignal): Promise<void> {
	await purge(store, live, 'hour < {hourBefore:UInt32} AND arrival < {arrivalBefore:UInt32}', { ...state }, abortSignal);
}

/** Rows in the kept table of roll-overs before `attempt` that never became visible. */
export async function purgeKept(
	store: Store,
	{ kept }: TierTables,
	state: TierState,
	attempt: number,
	abortSignal: AbortSignal,
): Promise<void> {
	await purge(store, kept, 'roll > {roll:UInt64} AND roll < {attempt:UInt64}', { ...state, attempt }, abortSignal);
}

async function purge(store: Store, table: string, hidden: string, params: Params, abortSignal: AbortSignal): Promise<void> {
	const { rows: parts } = await store.query<HiddenPart>(
		`SELECT h.part AS part, partition_id AS partition, h.hidden AS hidden, rows
FROM (SELECT _part AS part, count() AS hidden FROM ${table} WHERE ${hidden} GROUP BY part) AS h
INNER JOIN (
	SELECT name, partition_id, rows FROM system.parts WHERE active AND database = {database:String} AND table = {table:String}
) AS p ON p.name = h.part`,
		{ ...params, database: store.database, table },
		{ abortSignal, timeoutMs: REWRITE_TIMEOUT_MS },
	);
	const whole = parts.filter(({ hidden: count, rows }) => count === rows).map(({ part }) => part);
	for (let from = 0; from < whole.length; from += PARTS_PER_STATEMENT)
		await dropParts(store, table, whole.slice(from, from + PARTS_PER_STATEMENT), abortSignal);
	const mixed = new Set(parts.filter(({ hidden: count, rows }) => count < rows).map(({ partition }) => partition));
	for (const partition of mixed)
		await store.command(
			`ALTER TABLE ${table} DELETE IN PARTITION ID {partition:String} WHERE ${hidden}`,
			{ ...params, partition },
			{ abortSignal, timeoutMs: REWRITE_TIMEOUT_MS, settings: { mutations_sync: 1 } },
		);
}

async function dropParts(store: Store, table: string, parts: readonly string[], abortSignal: AbortSignal): Promise<void> {
	const params = Object.fromEntries(parts.map((part, index) => [`part${index}`, part]));
	const drops = parts.map((_, index) => `DROP PART {part${index}:String}`);
	try {
		await store.command(`ALTER TABLE ${table} ${drops.join(', ')}`, params, { abortSignal, settings: DROP_ANY_SIZE });
	} catch (error) {
		// A merge took one of them meanwhile; the next run finds the result.
		if (!(error instanceof Failure) || error.code !== 'not_found') throw error;
	}
}
