/** What has been started, to be stopped in reverse order: each part once, each within its time, one failing part never keeping the others. */

import type { Log } from '../base/log.ts';

interface Part {
	readonly name: string;
	stop(): Promise<void>;
}

/** Longer than any part takes that keeps its own limits; past it the part is left behind, as the process ends anyway. */
const PART_STOP_MS = 15_000;

export class Running {
	readonly #log: Log;
	readonly #partStopMs: number;
	readonly #parts: Part[] = [];

	constructor(log: Log, partStopMs = PART_STOP_MS) {
		this.#log = log;
		this.#partStopMs = partStopMs;
	}

	/** Remembers how to stop what was just started. */
	add(name: string, stop: () => Promise<unknown> | void): void {
		this.#parts.push({
			name,
			async stop() {
				await stop();
			},
		});
	}

	/** Safe twice. */
	async stop(): Promise<void> {
		for (const part of this.#parts.splice(0).toReversed()) {
			try {
				await this.#withinTime(part.stop());
			} catch (error) {
				this.#log.error({ error, part: part.name }, 'a part did not stop cleanly');
			}
		}
	}

	async #withinTime(stopped: Promise<void>): Promise<void> {
		const { promise: late, reject } = Promise.withResolvers<never>();
		const timer = setTimeout(() => reject(new Error(`still stopping after ${this.#partStopMs} ms`)), this.#partStopMs);
		try {
			await Promise.race([stopped, late]);
		} finally {
			clearTimeout(timer);
		}
	}
}
