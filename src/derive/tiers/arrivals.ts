/**
 * Which rows were there before a roll-over and which came after it: every row carries its arrival, the second in which its load began. A
 * roll-over takes what arrived before a second it closed; what is loaded later has a later arrival, whichever hour it is of.
 *
 * A second is closed only when every segment created before its end is stored for certain, and nothing arrives before it was created. So
 * no load that is sent again can still bring a row of a closed second, and no token is needed any more to recognise one: the live parts,
 * which remember the tokens, may go.
 */

import type { Clock } from '../../base/clock.ts';

export class Arrivals {
	readonly #clock: Clock;
	/** No row is given an arrival before this second any more. */
	#open: number;

	/** `closedBefore`: what earlier runs have closed, from the store. */
	constructor(closedBefore: number, clock: Clock) {
		this.#open = closedBefore;
		this.#clock = clock;
	}

	/** For a load of a segment created then that begins now. A clock that went back gives no second that is closed. */
	of(createdMs: number): number {
		return Math.max(this.#open, Math.floor(createdMs / 1000), Math.floor(this.#clock.nowMs() / 1000));
	}

	/** Closes what was created before, where all of that is stored; answers the first second still open. */
	close(storedBeforeMs: number): number {
		this.#open = Math.max(this.#open, Math.floor(storedBeforeMs / 1000));
		return this.#open;
	}
}
