/** Chance that can be repeated: a seeded generator (Marsaglia's xorshift32) and the ways to damage an input. */

export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed >>> 0 || 0x9e3779b9;
	}

	/** An integer from 0 to `below` - 1. */
	int(below: number): number {
		this.#state ^= this.#state << 13;
		this.#state ^= this.#state >>> 17;
		this.#state ^= this.#state << 5;
		return below <= 0 ? 0 : (this.#state >>> 0) % below;
	}

	pick<Item>(items: readonly Item[]): Item {
		const item = items[this.int(items.length)];
		if (item === undefined) throw new Error('nothing to pick from');
		return item;
	}

	bytes(count: number): Uint8Array {
		return Uint8Array.from({ length: count }, () => this.int(256));
	}
}

/** Bytes where formats change their mind: ends of varints, signs, UTF-8 leads, JSON's punctuation. */
const EDGES = [0, 1, 7, 8, 10, 0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xed, 0xf4, 0xff];

type Mutation = (input: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
	(input, random) => input.with(random.int(input.length), random.int(256)),
	(input, random) => input.with(random.int(input.length), random.pick(EDGES)),
	(input, random) => {
		const at = random.int(input.length);
		return input.with(at, (input[at] ?? 0) ^ (1 << random.int(8)));
	},
	(input, random) => input.subarray(0, random.int(input.length + 1)),
	(input, random) => {
		const { from, to } = range(input, random);
		return join(input.subarray(0, from), input.subarray(to));
	},
	(input, random) => {
		const { from, to } = range(input, random);
		return join(input.subarray(0, to), input.subarray(from));
	},
	(input, random) => {
		const at = random.int(input.length + 1);
		return join(input.subarray(0, at), random.bytes(1 + random.int(8)), input.subarray(at));
	},
	(input, random, other) => {
		const { from, to } = range(other, random);
		const at = random.int(input.length + 1);
		return join(input.subarray(0, at), other.subarray(from, to), input.subarray(at));
	},
];

/** `input` changed one to four times, pieces of `other` among what may come in. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
	let changed = input;
	for (let left = 1 + random.int(4); left > 0 && changed.length > 0; left--) changed = random.pick(MUTATIONS)(changed, random, other);
	return changed;
}

function range(input: Uint8Array, random: Random): { from: number; to: number } {
	const from = random.int(input.length + 1);
	return { from, to: Math.min(input.length, from + random.int(64)) };
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
	return new Uint8Array(Buffer.concat(parts));
}
