/**
 * Sequences of numbers, each remembered with one number of its own: a trie whose edges live in one open-addressing table.
 *
 * Node 0 is the empty sequence; node `n` is the sequence of its parent and then `symbols[n]`. A step is one look-up of (node, symbol).
 */

/**
 * Nodes; when half of them are used everything is forgotten and learnt again, so a record finds at least 8192 left: more than the two
 * steps for each of its attributes it can take. 20 bytes each with the table: 320 KiB.
 */
const NODES_MAX = 16_384;
/** Twice the nodes or more. Few at first, so that forgetting is cheap for a sender whose every record is taken back. */
const SLOTS_AT_FIRST = 1024;
const UNKNOWN = 0;

export class ShapeTrie {
	private readonly parents = new Uint32Array(NODES_MAX);
	private readonly symbols = new Uint32Array(NODES_MAX);
	/** Index + 1, or `UNKNOWN`. */
	private readonly indexes = new Uint32Array(NODES_MAX);
	private slots = new Uint32Array(SLOTS_AT_FIRST);
	private nodes = 1;
	private keyEpoch = 0;
	private typeEpoch = 0;

	/** Forgets everything when the dictionaries that symbols and indexes refer to have taken numbers back, or when nearly full. */
	follow(keyEpoch: number, typeEpoch: number): void {
		if (keyEpoch === this.keyEpoch && typeEpoch === this.typeEpoch && this.nodes < NODES_MAX / 2) return;
		this.keyEpoch = keyEpoch;
		this.typeEpoch = typeEpoch;
		if (this.slots.length > SLOTS_AT_FIRST) this.slots = new Uint32Array(SLOTS_AT_FIRST);
		else this.slots.fill(0);
		this.indexes.fill(UNKNOWN, 0, this.nodes);
		this.nodes = 1;
	}

	/** The node of the sequence of `node` and then `symbol`, a non-negative integer below 2^32. */
	step(node: number, symbol: number): number {
		let slot = this.slotOf(node, symbol);
		for (;;) {
			const child = this.slots[slot] as number;
			if (child === 0) break;
			if (this.parents[child] === node && this.symbols[child] === symbol) return child;
			slot = (slot + 1) & (this.slots.length - 1);
		}
		const added = this.nodes++;
		this.slots[slot] = added;
		this.parents[added] = node;
		this.symbols[added] = symbol;
		if (this.nodes * 2 > this.slots.length) this.grow();
		return added;
	}

	private slotOf(node: number, symbol: number): number {
		return (Math.imul(node, 0x9e37_79b1) ^ Math.imul(symbol + 1, 0x85eb_ca6b)) & (this.slots.length - 1);
	}

	private grow(): void {
		this.slots = new Uint32Array(this.slots.length * 2);
		for (let node = 1; node < this.nodes; node++) {
			let slot = this.slotOf(this.parents[node] as number, this.symbols[node] as number);
			while (this.slots[slot] !== 0) slot = (slot + 1) & (this.slots.length - 1);
			this.slots[slot] = node;
		}
	}

	/** What `setIndex` said of `node`, or -1. */
	index(node: number): number {
		return (this.indexes[node] as number) - 1;
	}

	setIndex(node: number, index: number): void {
		this.indexes[node] = index + 1;
	}

	/** The sequence of `node`. */
	path(node: number): readonly number[] {
		const symbols: number[] = [];
		for (let at = node; at !== 0; at = this.parents[at] as number) symbols.push(this.symbols[at] as number);
		return symbols.reverse();
	}
}
