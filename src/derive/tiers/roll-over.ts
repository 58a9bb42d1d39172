/**
 * Rolls hours over from the live into the kept table of one signal, oldest first, one hour at a time:
 *
 *   1. take a number (`state.ts`); delete what roll-overs before it left behind without finishing;
 *   2. copy the rows of the hour, and what came late for earlier ones, by one INSERT … SELECT: invisible, their `roll` is too high;
 *   3. count the copy; 4. switch: one row in `tier_state` makes the copy visible and hides the originals, provided the count still holds;
 *   5. with the job's next run, when no reader is planning with the old state any more: delete the originals (`purge.ts`).
 *
 * It may end between any two statements, or inside one: before 4 nothing has changed for readers and the next run begins at 1; after it
 * only 5 is left. Rollups and summaries are fed by what is inserted into the live tables, so they see every row once.
 */

import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Params, Settings, Store } from '../../store/client.ts';
import type { Arrivals } from './arrivals.ts';
import { purgeKept } from './purge.ts';
import { IS_LATEST, marked, overtaken, readState, stopRunning, type TierState, takeAttempt } from './state.ts';
import type { TierTables } from './tables.ts';

export interface RollOverOptions {
	readonly store: Store;
	readonly arrivals: Arrivals;
	/** Segments created before this moment are stored for certain (milliseconds since the epoch). */
	readonly storedBeforeMs: () => number;
	/** An hour is rolled over when this many whole hours have passed since its end. */
	readonly liveHours: number;
	readonly clock: Clock;
	readonly log: Log;
	readonly metrics: Metrics;
}

const HOUR_S = 3_600;
/** 80 000 spans/s make an hour of 288 million, at about 5 µs each. */
const COPY_TIMEOUT_MS = 4 * HOUR_S * 1_000;
const STOP_COPY_MS = 2_000;

const MiB = 1024 * 1024;
/**
 * Each block becomes a part that a merge must read again, so they are large: 300 000 spans, with which a copy needs 280 MiB. What does
 * not fit into the engine's memory beside loads and questions is tried again in smaller ones.
 */
const COPY_BLOCK_BYTES = [128 * MiB, 32 * MiB, 8 * MiB];

/** One thread: the other one belongs to whoever waits for an answer. Late rows may touch any number of hours. */
const COPY_SETTINGS: Settings = {
	max_threads: 1,
	max_insert_threads: 1,
	max_block_size: 8_192,
	min_insert_block_size_rows: 1_000_000,
	max_partitions_per_insert_block: 0,
	insert_deduplicate: 0,
};

/** What one roll-over moves: rows of hours and arrivals before these that were not moved already. */
interface Move {
	readonly hourBefore: number;
	readonly arrivalBefore: number;
}

interface WaitingHour {
	readonly hour: number;
	readonly oldestArrival: number;
}

/** The condition on a live row to be moved; parameters `hourTo`, `arrivalTo` and those of the state. */
const MOVED = `hour < {hourTo:UInt32} AND arrival < {arrivalTo:UInt32} AND (hour >= {hourBefore:UInt32} OR arrival >= {arrivalBefore:UInt32})`;

/** Rolls over every hour of `tables` that is due, or once what came late. Throws `Failure`; call again later. */
export async function rollOver(tables: TierTables, options: RollOverOptions, abortSignal: AbortSignal): Promise<void> {
	const { store, arrivals, clock, liveHours } = options;
	for (;;) {
		const nowS = Math.floor(clock.nowMs() / 1000);
		const hourTo = (Math.floor(nowS / HOUR_S) - liveHours) * HOUR_S;
		const arrivalTo = arrivals.close(options.storedBeforeMs());
		const state = await readState(store, tables.view, abortSignal);
		const move = next(await waiting(store, tables, state, { hourTo, arrivalTo }, abortSignal), state, arrivalTo, nowS - liveHours * HOUR_S);
		if (move === undefined) return;
		await moveWithin(COPY_BLOCK_BYTES, tables, move, options, abortSignal);
		// Late rows may come without end; the originals are to be deleted in between.
		if (move.hourBefore === state.hourBefore) return;
	}
}

async function moveWithin(
	[blockBytes = 0, ...smaller]: readonly number[],
	tables: TierTables,
	move: Move,
	options: RollOverOptions,
	abortSignal: AbortSignal,
): Promise<void> {
	try {
		await moveOnce(tables, move, blockBytes, options, abortSignal);
	} catch (error) {
		if (smaller.length === 0 || !(error instanceof Failure) || error.code !== 'too_large') throw error;
		options.log.warn({ error, table: tables.view, blockBytes }, 'no memory to roll an hour over in large blocks; trying smaller ones');
		await moveWithin(smaller, tables, move, options, abortSignal);
	}
}

async function waiting(store: Store, { live }: TierTables, state: TierState, to: Params, abortSignal: AbortSignal): Promise<WaitingHour[]> {
	const { rows } = await store.query<WaitingHour>(
		`SELECT toUnixTimestamp(hour) AS hour, min(arrival) AS oldestArrival FROM ${live} WHERE ${MOVED} GROUP BY hour ORDER BY hour`,
		{ ...state, ...to },
		{ abortSignal },
	);
	return [...rows];
}

/** The oldest hour that is due for the first time, with what came late for those before it; late rows alone when they have aged as well. */
function next(hours: readonly WaitingHour[], state: TierState, arrivalBefore: number, agedBefore: number): Move | undefined {
	const first = hours.find(({ hour }) => hour >= state.hourBefore);
	const hourBefore = first === undefined ? state.hourBefore : first.hour + HOUR_S;
	if (first === undefined && !hours.some(({ oldestArrival }) => oldestArrival <= agedBefore)) return undefined;
	return { hourBefore, arrivalBefore };
}

async function moveOnce(
	tables: TierTables,
	move: Move,
	blockBytes: number,
	options: RollOverOptions,
	abortSignal: AbortSignal,
): Promise<void> {
	const { store, clock, log, metrics } = options;
	const startedMs = clock.monotonicMs();
	const state = await takeAttempt(store, tables, clock, abortSignal);
	// Neither goes back: another roll-over may have come further since the move was planned.
	const hourTo = Math.max(move.hourBefore, state.hourBefore);
	const arrivalTo = Math.max(move.arrivalBefore, state.arrivalBefore);
	const params = { ...state, view: tables.view, hourTo, arrivalTo };
	await purgeKept(store, tables, state, state.attempt, abortSignal);
	await copy(tables, params, { ...COPY_SETTINGS, min_insert_block_size_bytes: blockBytes }, store, abortSignal);
	const { rows, moved } = await counts(store, tables, params, abortSignal);
	if (moved !== rows)
		throw new Failure('internal', `rolling over ${tables.view} copied ${moved} of ${rows} rows; it begins again`, { retryable: true });
	await switchTiers(tables, { ...params, moved }, store, abortSignal);
	metrics.counter('throughline_tiers_rolled_rows_total', 'Rows rolled over from the live into the kept tier.', ['table']).add(moved, {
		table: tables.view,
	});
	metrics.counter('throughline_tiers_rolls_total', 'Roll-overs: an hour with what came late for earlier ones.', ['table']).add(1, {
		table: tables.view,
	});
	log.info(
		{
			table: tables.view,
			before: new Date(hourTo * 1000).toISOString(),
			rows: moved,
			ms: Math.round(clock.monotonicMs() - startedMs),
		},
		'rolled an hour over into the kept tier',
	);
}

/**
 * Copies what `MOVED` says under this attempt's number. Everything is kept: what policies decide for each trace becomes one more
 * condition here and in `counts`, e.g. `trace_id IN (SELECT trace_id FROM decisions …)`, and nothing else changes.
 */
async function copy(tables: TierTables, params: Params, settings: Settings, store: Store, abortSignal: AbortSignal): Promise<void> {
	const { view, live, kept, columns } = tables;
	try {
		await store.command(
			`INSERT INTO ${kept} (${columns}, roll) SELECT ${columns}, {attempt:UInt64} FROM ${live} WHERE ${MOVED} AND ${IS_LATEST} AND ${marked(view)}`,
			params,
			{ abortSignal, timeoutMs: COPY_TIMEOUT_MS, settings, idempotent: false },
		);
	} catch (error) {
		// Whoever comes next waits for it anyway (`takeAttempt`), but there is no sense in letting it run on.
		if (abortSignal.aborted) await stopRunning(store, view, AbortSignal.timeout(STOP_COPY_MS)).catch(() => {});
		throw error;
	}
}

async function counts(
	store: Store,
	{ live, kept }: TierTables,
	params: Params,
	abortSignal: AbortSignal,
): Promise<{ rows: number; moved: number }> {
	const { rows } = await store.query<{ rows: number; moved: number }>(
		`SELECT (SELECT count() FROM ${live} WHERE ${MOVED}) AS rows, (SELECT count() FROM ${kept} WHERE roll = {attempt:UInt64}) AS moved`,
		params,
		{ abortSignal },
	);
	return rows[0] ?? { rows: 0, moved: -1 };
}

/** The one moment at which the hour changes tiers. Its conditions hold when it runs, however late that is. */
async function switchTiers({ view, kept }: TierTables, params: Params, store: Store, abortSignal: AbortSignal): Promise<void> {
	await store.command(
		`INSERT INTO tier_state (table_name, roll, hour_before, arrival_before)
SELECT {view:String}, {attempt:UInt64}, toDateTime({hourTo:UInt32}), {arrivalTo:UInt32}
WHERE ${IS_LATEST} AND ${marked(view)} AND (SELECT count() FROM ${kept} WHERE roll = {attempt:UInt64}) = {moved:UInt64}`,
		params,
		{ abortSignal },
	);
	const { roll } = await readState(store, view, abortSignal);
	if (roll !== params.attempt) throw overtaken(view);
}
