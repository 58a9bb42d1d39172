/**
 * An engine for the model: like the real one it stores a batch partition by partition, remembers for each which tokens it has taken, may
 * die between two of them, refuses what it cannot read before it stores anything, and now and then refuses for no good reason. A fake.
 */

import { Failure } from '../../src/base/errors.ts';
import type { LoadBatch } from '../../src/buffer/buffer.ts';
import type { Random } from './fake-disk.ts';

const PARTITIONS = 2;

/** What the model writes into each payload. */
export interface Mark {
	/** Of the record among all that were ever appended. */
	readonly index: number;
	/** No engine will ever read it. */
	readonly poisoned: boolean;
}

export const MARK_BYTES = 5;

export function mark(payload: Uint8Array, { index, poisoned }: Mark): void {
	const view = new DataView(payload.buffer, payload.byteOffset, MARK_BYTES);
	view.setUint32(0, index, true);
	view.setUint8(4, poisoned ? 1 : 0);
}

export function markOf(payload: Uint8Array): Mark {
	const view = new DataView(payload.buffer, payload.byteOffset, MARK_BYTES);
	return { index: view.getUint32(0, true), poisoned: view.getUint8(4) === 1 };
}

export class FakeEngine {
	readonly #random: Random;
	readonly #taken = new Set<string>();
	/** Record -> how often it is stored. */
	readonly stored = new Map<number, number>();
	readonly events = { repeated: 0, poisoned: 0, denied: 0, halfway: 0 };
	/** Probability that something goes wrong at any place where it can. */
	trouble = 0;

	constructor(random: Random) {
		this.#random = random;
	}

	load(batch: LoadBatch): void {
		this.#maybe('the engine is down');
		this.#read(batch);
		if (this.#random.chance(this.trouble / 3)) {
			this.events.denied++;
			// The first is final, the second is tried for a while.
			throw new Failure(this.#random.chance(0.5) ? 'malformed' : 'internal', 'the engine says no');
		}
		for (let partition = 0; partition < PARTITIONS; partition++) {
			const block = `${batch.table} ${partition} ${batch.token}`;
			if (this.#taken.has(block)) this.events.repeated++;
			else this.#store(batch, partition);
			this.#taken.add(block);
			if (this.#random.chance(this.trouble)) {
				this.events.halfway++;
				throw new Error('the connection broke');
			}
		}
	}

	check(batch: LoadBatch): void {
		this.#maybe('the engine is down');
		this.#read(batch);
	}

	#store(batch: LoadBatch, partition: number): void {
		for (const { payload } of batch.records) {
			const { index } = markOf(payload);
			if (index % PARTITIONS === partition) this.stored.set(index, (this.stored.get(index) ?? 0) + 1);
		}
	}

	#read({ records }: LoadBatch): void {
		if (!records.some(({ payload }) => markOf(payload).poisoned)) return;
		this.events.poisoned++;
		throw new Failure('internal', 'cannot read the data');
	}

	#maybe(what: string): void {
		if (this.#random.chance(this.trouble)) throw new Error(what);
	}
}
