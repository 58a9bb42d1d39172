/**
 * The bytes of one request as they arrive or inflate, in one piece, leased from the budget of all requests. Once it
 * has been read its memory is given back, not when the collector comes by: with tens of megabytes that is the difference between a bound and a hope.
 */

import { Failure } from '../base/errors.ts';
import type { ByteLease } from './byte-budget.ts';

const CAPACITY_MIN = 32 * 1024;
const GROWTH = 1.5;
const NOTHING = new Uint8Array(0);

export class Body {
	readonly #bytesMax: number;
	readonly #what: 'on the wire' | 'inflated';
	readonly #lease: ByteLease;
	/** Of most requests all there is, and then never copied. */
	#only: Uint8Array = NOTHING;
	#memory = new ArrayBuffer(0);
	#leased = 0;
	#length = 0;

	constructor(bytesMax: number, what: 'on the wire' | 'inflated', lease: ByteLease) {
		this.#bytesMax = bytesMax;
		this.#what = what;
		this.#lease = lease;
	}

	get length(): number {
		return this.#length;
	}

	/** Throws `Failure`: `too_large`, or `overloaded` when all requests together would hold too much. */
	append(chunk: Uint8Array): void {
		const length = this.#length + chunk.length;
		if (length > this.#bytesMax) throw tooLarge(this.#bytesMax, this.#what);
		if (this.#length === 0) {
			this.#take(length);
			this.#only = chunk;
		} else {
			if (length > this.#memory.byteLength) this.#grow(length);
			new Uint8Array(this.#memory).set(chunk, this.#length);
		}
		this.#length = length;
	}

	/** All of it. Valid until `free`. */
	bytes(): Uint8Array {
		if (this.#memory.byteLength === 0) return this.#only;
		if (this.#memory.byteLength > this.#length) {
			this.#memory = this.#memory.transfer(this.#length);
			this.#take(this.#length);
		}
		return new Uint8Array(this.#memory);
	}

	/** Gives memory and lease back. Safe twice. Only when nobody reads `bytes()` any more; whoever still holds them finds them gone. */
	free(): void {
		this.forget();
		this.#take(0);
	}

	/**
	 * Gives the lease back and leaves the memory to the collector: for bytes that a decoder which is being destroyed may still be reading,
	 * on a thread of its own.
	 */
	leave(): void {
		this.#only = NOTHING;
		this.#memory = new ArrayBuffer(0);
		this.#take(0);
	}

	/**
	 * Gives the memory back now, as `free` does, but not the lease: the rows that were made of it wait for the disk in its place.
	 */
	forget(): void {
		this.#only = NOTHING;
		this.#memory = this.#memory.transfer(0);
	}

	#grow(needed: number): void {
		const capacity = Math.min(this.#bytesMax, Math.max(needed, CAPACITY_MIN, Math.ceil(this.#memory.byteLength * GROWTH)));
		this.#take(capacity);
		this.#memory = this.#memory.transfer(capacity);
		if (this.#only.length > 0) new Uint8Array(this.#memory).set(this.#only);
		this.#only = NOTHING;
	}

	#take(bytes: number): void {
		if (bytes > this.#leased) this.#lease.take(bytes - this.#leased);
		else this.#lease.give(this.#leased - bytes);
		this.#leased = bytes;
	}
}

export function tooLarge(bytesMax: number, what: 'on the wire' | 'inflated'): Failure {
	return new Failure(
		'too_large',
		`the request is larger than ${bytesMax} bytes ${what}; send smaller batches, or raise otlp.requestBytesMax`,
	);
}
