/** What has been started, to be stopped in reverse order: each part once, each within its time, one failing part never keeping the others. */

import type { Log } from '../base/log.ts';

interface Part {
	readonly name: string;
	stop(): Promise<void>;
}

export class Running {
	readonly #log: Log;
	readonly #parts: Part[] = [];

	constructor(log: Log) {
		this.#log = log;
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
				await part.stop();
			} catch (error) {
				this.#log.error({ error, part: part.name }, 'a part did not stop cleanly');
			}
		}
	}
}
