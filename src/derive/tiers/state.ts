/**
 * The durable watermark of the tiers (`tier_state`, see migration 0006) and the fence around whoever moves it.
 *
 * A statement may outlive the one who sent it: a server goes on when its client died, a stopped engine reads the request when it
 * continues. So a roll-over first takes a number higher than all before, and everything it writes carries the condition that its
 * number is still the highest; then it stops what runs of earlier ones and waits until nothing does.
 */

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/errors.ts';
import type { Store } from '../../store/client.ts';
import type { TierTables } from './tables.ts';

export interface TierState {
	readonly attempt: number;
	/** The last roll-over that is visible. */
	readonly roll: number;
	/** Hours before this one (seconds since the epoch) are in the kept table … */
	readonly hourBefore: number;
	/** … as far as their arrivals are before this one. */
	readonly arrivalBefore: number;
}

const STOPPED_WITHIN_MS = 60_000;
const STOPPED_POLL_MS = 50;

export async function readState(store: Store, view: string, abortSignal?: AbortSignal): Promise<TierState> {
	const { rows } = await store.query<TierState>(
		`SELECT max(s.attempt) AS attempt, max(s.roll) AS roll, toUnixTimestamp(max(s.hour_before)) AS hourBefore, max(s.arrival_before) AS arrivalBefore
FROM tier_state AS s WHERE table_name = {view:String}`,
		{ view },
		{ abortSignal },
	);
	return rows[0] ?? { attempt: 0, roll: 0, hourBefore: 0, arrivalBefore: 0 };
}

/** The first arrival that no roll-over of any table has closed. */
export async function closedBefore(store: Store): Promise<number> {
	const { rows } = await store.query<{ arrival: number }>('SELECT max(arrival_before) AS arrival FROM tier_state');
	return rows[0]?.arrival ?? 0;
}

/** A condition that is always true, to find the statements of a roll-over among those that run: a comment does not reach that list. */
export function marked(view: string): string {
	return `'${marker(view)}' != ''`;
}

function marker(view: string): string {
	return `throughline roll-over of ${view}`;
}

/** The condition under which a statement of this attempt writes anything. Parameters: `attempt`, `view`. */
export const IS_LATEST = '(SELECT max(attempt) FROM tier_state WHERE table_name = {view:String}) = {attempt:UInt64}';

/** Takes a number above all before, then stops what runs of earlier attempts. Answers the state as it is from then on. */
export async function takeAttempt(store: Store, { view }: TierTables, clock: Clock, abortSignal: AbortSignal): Promise<TierState> {
	const before = await readState(store, view, abortSignal);
	// Two platforms that share a server shall not take the same number: the microseconds are made up.
	const attempt = Math.max(before.attempt + 1 + randomInt(1_000), clock.nowMs() * 1_000 + randomInt(1_000));
	await store.command(
		'INSERT INTO tier_state (table_name, attempt) SELECT {view:String}, {attempt:UInt64}',
		{ view, attempt },
		{ abortSignal },
	);
	await stopRunning(store, view, abortSignal);
	const state = await readState(store, view, abortSignal);
	if (state.attempt !== attempt) throw overtaken(view);
	return state;
}

export function overtaken(view: string): Failure {
	return new Failure('conflict', `another roll-over of ${view} has begun`, { retryable: true });
}

/** Stops the statements of roll-overs of this table and waits until none runs. */
export async function stopRunning(store: Store, view: string, abortSignal?: AbortSignal): Promise<void> {
	const params = { database: store.database, pattern: `INSERT INTO %${marker(view)}%` };
	const ours = 'current_database = {database:String} AND query LIKE {pattern:String}';
	const deadlineMs = performance.now() + STOPPED_WITHIN_MS;
	for (;;) {
		const { rows } = await store.query<{ running: number }>(`SELECT count() AS running FROM system.processes WHERE ${ours}`, params, {
			abortSignal,
		});
		if (rows[0]?.running === 0) return;
		if (performance.now() > deadlineMs) throw new Failure('timeout', `a roll-over of ${view} that was given up still runs`);
		await store.command(`KILL QUERY WHERE ${ours} ASYNC`, params, { abortSignal });
		await sleep(STOPPED_POLL_MS, undefined, { signal: abortSignal });
	}
}
