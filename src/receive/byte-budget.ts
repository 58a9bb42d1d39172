/**
 * The memory all requests under way may hold together. A request takes from it as its bytes arrive and inflate, so that many slow
 * senders reserve only what they sent, and gives everything back once it is answered.
 */

import { Failure } from '../base/errors.ts';

export class ByteBudget {
	readonly bytesMax: number;
	#taken = 0;

	constructor(bytesMax: number) {
		this.bytesMax = bytesMax;
	}

	get takenBytes(): number {
		return this.#taken;
	}

	lease(): ByteLease {
		let held = 0;
		return {
			take: (bytes) => {
				if (this.#taken + bytes > this.bytesMax)
					throw new Failure('overloaded', `too many bytes are being received at once (limit ${this.bytesMax} for all requests)`, {
						hint: 'raise otlp.inFlightBytesMax, or find out why requests take long',
					});
				this.#taken += bytes;
				held += bytes;
			},
			give: (bytes) => {
				const back = Math.min(bytes, held);
				this.#taken -= back;
				held -= back;
			},
			release: () => {
				this.#taken -= held;
				held = 0;
			},
		};
	}
}

/** What one request holds. */
export interface ByteLease {
	/** Throws `Failure('overloaded')` when all requests together would hold too much; nothing is taken then. */
	take(bytes: number): void;
	give(bytes: number): void;
	/** Gives back everything; safe to call twice. */
	release(): void;
}
