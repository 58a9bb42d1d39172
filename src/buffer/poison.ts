/**
 * Finds the records of a batch that the engine cannot read, by halves: log2(n) checks for each bad record among n. A check stores
 * nothing, so a search may be broken off and done again.
 */

import { Failure } from '../base/errors.ts';
import type { SegmentRecord } from './segment.ts';

/**
 * Checks of one search. A check of the embedded engine takes some 10 ms, so that other segments wait a second or two at most; enough
 * for ten bad records among a thousand. What is not proven good by then is held to be bad.
 */
const CHECKS_MAX = 128;

/** Sequence -> what the engine said of it. `check` throws a `Failure` that is not retryable for records it cannot read; others end the search. */
export async function findPoison(
	records: readonly SegmentRecord[],
	check: (some: readonly SegmentRecord[]) => Promise<void>,
): Promise<Map<number, Failure>> {
	const poison = new Map<number, Failure>();
	const suspects = [records];
	for (let checks = 0; ; checks++) {
		const some = suspects.shift();
		if (some === undefined) return poison;
		const failure = checks < CHECKS_MAX ? await refusalOf(() => check(some)) : notProven();
		if (failure === undefined) continue;
		const half = some.length >> 1;
		if (half === 0 || checks >= CHECKS_MAX) for (const { sequence } of some) poison.set(sequence, failure);
		else suspects.push(some.slice(0, half), some.slice(half));
	}
}

/** Not retryable: trying again will not help, at least not soon. */
export function isRefusal(error: unknown): error is Failure {
	return error instanceof Failure && !error.retryable && error.code !== 'cancelled';
}

async function refusalOf(action: () => Promise<void>): Promise<Failure | undefined> {
	try {
		await action();
		return undefined;
	} catch (error) {
		if (isRefusal(error)) return error;
		throw error;
	}
}

function notProven(): Failure {
	return new Failure('malformed', `not proven readable within ${CHECKS_MAX} checks, too many records of its segment being unreadable`);
}
