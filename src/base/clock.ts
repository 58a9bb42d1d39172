/** Time is passed in, so that tests can hold it still. */

export interface Clock {
	/** Milliseconds since the epoch. */
	nowMs(): number;
	/** Milliseconds of a clock that never goes back; only differences mean anything. */
	monotonicMs(): number;
}

export const systemClock: Clock = {
	nowMs: () => Date.now(),
	monotonicMs: () => performance.now(),
};
