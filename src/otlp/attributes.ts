/**
 * A record's `repeated KeyValue` into a map column and its types column.
 *
 * Of equal keys the last one wins: each key has a number, so a stamp per number tells at once whether this record has had it, and only
 * then is the row gone over again. The types text (see `model/attribute-text.ts`) is not built per record either: the sequence of
 * (key, letter) of the attributes that are not strings is a path in a trie whose node remembers the text's dictionary entry.
 */

import { ByteSource } from '../base/byte-buffer.ts';
import { utf8Bytes } from '../base/utf8.ts';
import { type TypeLetter, typeEntry } from '../model/attribute-text.ts';
import type { LowCardinalityColumn } from '../model/columns/low-cardinality.ts';
import type { MapColumn } from '../model/columns/nested.ts';
import { LETTER, LETTERS, STRING_VALUE, TOO_DEEP, writeAnyValue } from './any-value.ts';
import { ATTRIBUTES_MAX, KEY_BYTES_MAX } from './limits.ts';
import { ShapeTrie } from './shape-trie.ts';
import type { Wire } from './wire.ts';

const KEY = (1 << 3) | 2;
const VALUE = (2 << 3) | 2;
/** Slots for guesses: a power of two some times the number of (shape, position) pairs at a time. 16 KiB, to stay in the first cache. */
const FOLLOWERS = 4096;

export class AttributeWriter {
	/** Attributes of the current record left out by a limit. */
	dropped = 0;
	private readonly map: MapColumn;
	private readonly types: LowCardinalityColumn;
	private readonly shapes = new ShapeTrie();
	private shape = 0;
	/** Number of the current record, for `stamps`. */
	private record = 0;
	/** By key number: the last record that had it. */
	private stamps = new Uint32Array(64);
	/** By a hash of the keys so far: the key that came next last time. Services repeat themselves, so it nearly always does again. */
	private readonly followers = new Uint32Array(FOLLOWERS);
	private keysSoFar = 0;
	/** Letters of the current record's entries, needed only when a key repeats. */
	private readonly letters = new Uint8Array(ATTRIBUTES_MAX);
	private count = 0;
	private repeats = false;

	constructor(map: MapColumn, types: LowCardinalityColumn) {
		this.map = map;
		this.types = types;
	}

	/** Begins a record. */
	begin(): void {
		this.shapes.follow(this.map.keys.dictionary.epoch, this.types.dictionary.epoch);
		this.shape = 0;
		this.count = 0;
		this.dropped = 0;
		this.keysSoFar = 0;
		this.repeats = false;
		this.record++;
		if (this.record === 2 ** 32) {
			this.stamps.fill(0);
			this.record = 1;
		}
	}

	/**
	 * Adds the attributes from `wire.at` on, the length of the first, for as long as the field `tag` (of one byte) comes next in the message
	 * that ends at `end`. Three of four bytes of telemetry pass through here, so the common attribute is done in place: key and value with
	 * lengths of one byte, in this order, a key that was guessed right and a value that is one string of ASCII. The rest is called for.
	 */
	addRun(wire: Wire, tag: number, end: number): void {
		const { bytes, source } = wire;
		const { dictionary } = this.map.keys;
		const { values } = this.map;
		let at = wire.at;
		for (;;) {
			const length = bytes[at] as number;
			const stop = at + 1 + length;
			const keyStart = at + 3;
			const keyEnd = keyStart + (bytes[at + 2] as number);
			const valueStart = keyEnd + 2;
			if (
				length >= 0x80 ||
				stop > end ||
				bytes[at + 1] !== KEY ||
				bytes[keyEnd] !== VALUE ||
				valueStart + (bytes[keyEnd + 1] as number) !== stop ||
				this.count >= ATTRIBUTES_MAX
			) {
				wire.at = at;
				this.addAnyOrder(wire, wire.chunk(end));
				at = wire.at;
			} else {
				const guess = this.followers[this.keysSoFar] as number;
				const guessed = guess < dictionary.length && dictionary.is(guess, source, keyStart, keyEnd);
				const textStart = valueStart + 2;
				let letter: number = LETTER.string;
				if (bytes[valueStart] !== STRING_VALUE || textStart + (bytes[valueStart + 1] as number) !== stop) {
					letter = this.value(wire, valueStart, stop);
				} else {
					values.push(source, textStart, stop);
				}
				if (letter === TOO_DEEP) this.dropped++;
				else this.entry(guessed ? guess : dictionary.internText(source, keyStart, keyEnd), letter);
				at = stop;
			}
			if (at >= end || bytes[at] !== tag) break;
			at++;
		}
		wire.at = at;
	}

	/** Adds the `KeyValue` at `[wire.at, end)`, whatever the order and size of its fields, and moves `wire.at` to `end`. */
	private addAnyOrder(wire: Wire, end: number): void {
		let keyStart = end;
		let keyEnd = end;
		let valueStart = end;
		let valueEnd = end;
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === KEY) {
				keyEnd = wire.chunk(end);
				keyStart = wire.at;
				wire.at = keyEnd;
			} else if (tag === VALUE) {
				valueEnd = wire.chunk(end);
				valueStart = wire.at;
				wire.at = valueEnd;
			} else {
				wire.skip(tag, end);
			}
		}
		wire.finish(end);
		this.pair(wire, keyStart, keyEnd, valueStart, valueEnd);
		// Where reading the value ended, which need not be the last field.
		wire.at = end;
	}

	private pair(wire: Wire, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
		if (this.count >= ATTRIBUTES_MAX || keyEnd - keyStart > KEY_BYTES_MAX) {
			this.dropped++;
			return;
		}
		const letter = this.value(wire, valueStart, valueEnd);
		if (letter === TOO_DEEP) this.dropped++;
		else this.entry(this.map.keys.dictionary.internText(wire.source, keyStart, keyEnd), letter);
	}

	/** Ends the record: closes its row in both columns. */
	end(): void {
		if (this.repeats) this.keepLast();
		this.map.endRow();
		let index = this.shapes.index(this.shape);
		if (index < 0) {
			index = this.internTypes();
			this.shapes.setIndex(this.shape, index);
		}
		this.types.pushIndex(index);
	}

	/** Appends the text of the `AnyValue` at `[start, end)` and returns its letter. */
	private value(wire: Wire, start: number, end: number): number {
		const { values } = this.map;
		const { bytes } = wire;
		// Nearly every value is one short string and nothing else.
		if (bytes[start] === STRING_VALUE && end - start < 0x82 && start + 2 + (bytes[start + 1] as number) === end) {
			values.push(wire.source, start + 2, end);
			return LETTER.string;
		}
		wire.at = start;
		const opened = values.begin();
		const letter = writeAnyValue(wire, end, values.data);
		if (letter === TOO_DEEP) values.abandon(opened);
		else values.finish(opened);
		return letter;
	}

	/** Appends the key with this number, whose value with this letter has been appended. */
	private entry(key: number, letter: number): void {
		if (key >= this.stamps.length) this.growTo(key);
		this.followers[this.keysSoFar] = key;
		this.keysSoFar = (Math.imul(this.keysSoFar, 31) + key + 1) & (FOLLOWERS - 1);
		if (this.stamps[key] === this.record) this.repeats = true;
		this.stamps[key] = this.record;
		this.map.keys.pushIndex(key);
		this.letters[this.count++] = letter;
		if (letter !== LETTER.string) this.shape = this.shapes.step(this.shape, key * 8 + letter);
	}

	private growTo(key: number): void {
		const stamps = new Uint32Array(Math.max(this.stamps.length * 2, key + 1));
		stamps.set(this.stamps);
		this.stamps = stamps;
	}

	/** Writes the current row again without the entries whose key comes once more after them. */
	private keepLast(): void {
		const { keys, values } = this.map;
		const first = this.map.openRow();
		const indexes = keys.indexes.slice(first, keys.length);
		const texts = Array.from(indexes, (_, i) => values.at(first + i).slice());
		const last = new Map(Array.from(indexes, (key, i) => [key, i]));
		keys.truncate(first);
		values.truncate(first);
		this.shape = 0;
		indexes.forEach((key, i) => {
			if (last.get(key) !== i) return;
			const text = texts[i] as Uint8Array;
			keys.pushIndex(key);
			values.pushRaw(new ByteSource(text), 0, text.length);
			const letter = this.letters[i] as number;
			if (letter !== LETTER.string) this.shape = this.shapes.step(this.shape, key * 8 + letter);
		});
	}

	private internTypes(): number {
		let text = '';
		for (const symbol of this.shapes.path(this.shape)) {
			text += typeEntry(LETTERS[symbol & 7] as TypeLetter, this.map.keys.dictionary.get(Math.floor(symbol / 8)));
		}
		const bytes = utf8Bytes(text);
		return this.types.dictionary.intern(new ByteSource(bytes), 0, bytes.length);
	}
}
