/**
 * Distinct byte strings, each with a small number, looked up by their bytes where they lie.
 *
 * Layout: the strings stand one after another in a `StringColumn`; `slots` is an open-addressing table of number + 1, never more
 * than half full, probed by triangular steps; `hashes` spares comparing bytes when the hash differs. Entry 0 is always the empty string.
 * Nothing is ever removed but the newest entries (`truncate`), and those in reverse order, which needs no tombstones: no older entry
 * was placed by stepping over a newer one.
 */

import { ByteSource } from '../../base/byte-buffer.ts';
import { Failure } from '../../base/errors.ts';
import { isUtf8, replaceIllFormed } from '../../base/utf8.ts';
import { doubled, headerBytes, StringColumn } from './string.ts';

/**
 * Entries of one dictionary, whatever the caller does: 2^20 of them are 8 MiB of slots, 4 of hashes, 4 of ends. A block is closed
 * long before (see `BLOCK_LIMITS`), so only one hostile request can come here.
 */
export const DICTIONARY_ENTRIES_MAX: number = 2 ** 20;
/**
 * Steps of one look-up. In a table half full of well-mixed hashes the longest walk of a million entries is some dozens of steps, so only
 * strings made to collide can reach this; they are refused instead of making every look-up walk over all of them.
 */
const PROBES_MAX = 1024;
const SLOTS_AT_FIRST = 64;
const EMPTY: ByteSource = new ByteSource(new Uint8Array(0));

export class Dictionary {
	readonly entries: StringColumn = new StringColumn();
	/** Changes whenever numbers given out before may mean something else: after `truncate` and `reset`. */
	epoch = 0;
	private hashes: Uint32Array<ArrayBuffer> = new Uint32Array(SLOTS_AT_FIRST);
	private slots: Uint32Array<ArrayBuffer> = new Uint32Array(SLOTS_AT_FIRST);
	/** Of the last `find`, so that `add` after a miss does not hash again. */
	private hash = 0;

	constructor() {
		this.intern(EMPTY, 0, 0);
	}

	get length(): number {
		return this.entries.length;
	}

	/** The number of `source[start, end)`, added if it is new. */
	intern(source: ByteSource, start: number, end: number, guess = 0): number {
		const found = this.find(source, start, end, guess);
		return found >= 0 ? found : this.add(source, start, end);
	}

	/** As `intern`, but ill-formed UTF-8 is replaced by U+FFFD first; what is found has been checked when it was added. */
	internText(source: ByteSource, start: number, end: number, guess = 0): number {
		const found = this.find(source, start, end, guess);
		if (found >= 0) return found;
		if (isUtf8(source, start, end)) return this.add(source, start, end);
		const replaced = replaceIllFormed(source.bytes, start, end);
		return this.intern(new ByteSource(replaced), 0, replaced.length);
	}

	/** The number of `source[start, end)` or -1. A right `guess` spares the hash: telemetry repeats itself. */
	find(source: ByteSource, start: number, end: number, guess = 0): number {
		if (guess < this.entries.length && this.is(guess, source, start, end)) return guess;
		const hash = hashBytes(source, start, end);
		this.hash = hash;
		const mask = this.slots.length - 1;
		let slot = hash & mask;
		for (let step = 1; step <= PROBES_MAX; step++) {
			const id = (this.slots[slot] as number) - 1;
			if (id < 0) return -1;
			if (((this.hashes[id] as number) | 0) === hash && this.is(id, source, start, end)) return id;
			slot = (slot + step) & mask;
		}
		throw new Failure('too_large', 'too many names with the same hash');
	}

	/** Takes back the entries from number `length` on. */
	truncate(length: number): void {
		if (length >= this.entries.length) return;
		this.epoch++;
		const mask = this.slots.length - 1;
		for (let id = this.entries.length - 1; id >= length; id--) {
			let slot = (this.hashes[id] as number) & mask;
			for (let step = 1; this.slots[slot] !== id + 1; step++) slot = (slot + step) & mask;
			this.slots[slot] = 0;
		}
		this.entries.truncate(length);
	}

	/** Forgets everything but the empty string. */
	reset(keepBytesMax: number): void {
		this.epoch++;
		this.entries.reset(keepBytesMax);
		if (this.slots.byteLength > keepBytesMax) {
			this.slots = new Uint32Array(SLOTS_AT_FIRST);
			this.hashes = new Uint32Array(SLOTS_AT_FIRST);
		} else {
			this.slots.fill(0);
		}
		this.intern(EMPTY, 0, 0);
	}

	/** The text of entry `id`. */
	get(id: number): string {
		return this.entries.get(id);
	}

	size(): number {
		return this.entries.size() + this.entries.length * 4 + this.slots.byteLength;
	}

	/** Only after `find` has missed. */
	private add(source: ByteSource, start: number, end: number): number {
		const id = this.entries.length;
		if (id >= DICTIONARY_ENTRIES_MAX) throw new Failure('too_large', `more than ${DICTIONARY_ENTRIES_MAX} distinct names`);
		if ((id + 1) * 2 > this.slots.length) this.growSlots();
		if (id === this.hashes.length) this.hashes = doubled(this.hashes);
		this.hashes[id] = this.hash;
		this.entries.pushRaw(source, start, end);
		this.place(id);
		return id;
	}

	private place(id: number): void {
		const mask = this.slots.length - 1;
		let slot = (this.hashes[id] as number) & mask;
		for (let step = 1; this.slots[slot] !== 0; step++) slot = (slot + step) & mask;
		this.slots[slot] = id + 1;
	}

	/** In order of number, which keeps the promise `truncate` relies on. */
	private growSlots(): void {
		this.slots = new Uint32Array(this.slots.length * 2);
		for (let id = 0; id < this.entries.length; id++) this.place(id);
	}

	/** Whether entry `id`, which must exist, is `source[start, end)`. */
	is(id: number, source: ByteSource, start: number, end: number): boolean {
		const { entries } = this;
		const count = end - start;
		const stop = entries.ends[id] as number;
		const begin = id === 0 ? 0 : (entries.ends[id - 1] as number);
		// An entry is its length and its bytes, so its whole extent tells whether the length is right.
		if (stop - begin !== count + (count < 0x80 ? 1 : headerBytes(count))) return false;
		const { bytes, view } = entries.data;
		const sourceBytes = source.bytes;
		const sourceView = source.view;
		let at = stop - count;
		let from = start;
		for (; from + 4 <= end; from += 4, at += 4) if (view.getInt32(at, true) !== sourceView.getInt32(from, true)) return false;
		for (; from < end; from++, at++) if (bytes[at] !== sourceBytes[from]) return false;
		return true;
	}
}

/**
 * Four bytes a step, in the manner of Murmur3; whole-entropy finish. Where a string is longer than a word, the last word overlaps the
 * one before instead of a loop over the rest.
 */
function hashBytes(source: ByteSource, start: number, end: number): number {
	const { bytes, view } = source;
	const count = end - start;
	let hash = Math.imul(count + 1, 0x9e37_79b1);
	let at = start;
	for (; at + 4 <= end; at += 4) hash = mix(hash, view.getInt32(at, true));
	if (at < end) {
		let rest = 0;
		if (count >= 4) rest = view.getInt32(end - 4, true);
		else for (; at < end; at++) rest = (rest << 8) | (bytes[at] as number);
		hash = mix(hash, rest);
	}
	hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
	return hash ^ (hash >>> 16);
}

function mix(hash: number, word: number): number {
	const scrambled = Math.imul(word, 0xcc9e_2d51);
	const mixed = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b87_3593);
	return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}
