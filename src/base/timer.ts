/** Waiting is passed in like time itself (`clock.ts`), so that tests decide when a timer fires. */

export interface Timer {
	/** Calls `run` once after `delayMs`; the returned function cancels it and is safe to call at any time. */
	after(delayMs: number, run: () => void): () => void;
}

export const systemTimer: Timer = {
	after(delayMs, run) {
		const handle = setTimeout(run, delayMs);
		return () => clearTimeout(handle);
	},
};
