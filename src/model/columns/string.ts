/**
 * A column of texts of any length.
 *
 * The bytes lie as Native wants them, each value preceded by its length as a varint, so that encoding is one copy; `ends` finds
 * value `i` without walking. Values are UTF-8 and are copied from where they came, never made into JavaScript strings on the way.
 */

import { ByteBuffer, ByteSource } from '../../base/byte-buffer.ts';
import { assert } from '../../base/errors.ts';
import { isUtf8, replaceIllFormed, utf8Text } from '../../base/utf8.ts';

const VALUES_AT_FIRST = 64;

/** Values up to this are copied word by word. One byte holds the length. */
const SHORT_BYTES_MAX = 96;

/** Bytes of the varint of a length. */
export function headerBytes(length: number): number {
	let bytes = 1;
	for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
	return bytes;
}

export class StringColumn {
	readonly kind = 'string';
	/** Every value as varint length and bytes. */
	readonly data: ByteBuffer = new ByteBuffer(1024);
	/** Where value `i` ends in `data`; it begins, with its length, where the one before ends. */
	ends: Uint32Array<ArrayBuffer> = new Uint32Array(VALUES_AT_FIRST);
	length = 0;

	/** Appends `source[start, end)`, ill-formed UTF-8 replaced by U+FFFD. */
	push(source: ByteSource, start: number, end: number): void {
		if (end - start > SHORT_BYTES_MAX || !this.pushShortAscii(source, start, end)) this.pushAny(source, start, end);
	}

	/** Appends `source[start, end)` as it is: for bytes known to be UTF-8. */
	pushRaw(source: ByteSource, start: number, end: number): void {
		const count = end - start;
		if (count < 0x80) this.data.byte(count);
		else this.data.varint(count);
		this.data.appendRange(source, start, end);
		this.close();
	}

	pushEmpty(): void {
		this.data.byte(0);
		this.close();
	}

	/** Begins a value to be written into `data` directly; returns what `finish` needs. */
	begin(): number {
		this.data.byte(0);
		return this.data.length;
	}

	/** Ends the value begun at `start`: its length, unknown until now, is put before it. */
	finish(start: number): void {
		const count = this.data.length - start;
		if (count >= 0x80) {
			const header = headerBytes(count);
			this.data.reserve(header - 1);
			this.data.bytes.copyWithin(start - 1 + header, start, start + count);
			this.data.length = start - 1;
			this.data.varint(count);
			this.data.length += count;
		} else {
			this.data.bytes[start - 1] = count;
		}
		this.close();
	}

	/** The common case of `push` in one pass: copies a few words, and gives up if one of them was not ASCII. */
	private pushShortAscii(source: ByteSource, start: number, end: number): boolean {
		const { data } = this;
		data.reserve(SHORT_BYTES_MAX + 1);
		const { bytes, view } = data;
		const from = source.view;
		let to = data.length;
		let at = start;
		let bits = 0;
		bytes[to++] = end - start;
		for (; at + 4 <= end; at += 4, to += 4) {
			const word = from.getInt32(at, true);
			bits |= word;
			view.setInt32(to, word, true);
		}
		for (; at < end; at++) {
			const byte = source.bytes[at] as number;
			bits |= byte;
			bytes[to++] = byte;
		}
		if ((bits & 0x8080_8080) !== 0) return false;
		data.length = to;
		this.close();
		return true;
	}

	private pushAny(source: ByteSource, start: number, end: number): void {
		if (isUtf8(source, start, end)) {
			this.pushRaw(source, start, end);
			return;
		}
		const replaced = replaceIllFormed(source.bytes, start, end);
		this.pushRaw(new ByteSource(replaced), 0, replaced.length);
	}

	/** Takes back the value begun at `start` and not yet finished. */
	abandon(start: number): void {
		this.data.length = start - 1;
	}

	/** Where the bytes of value `row` begin in `data`; they end at `ends[row]`. */
	start(row: number): number {
		const begin = row === 0 ? 0 : (this.ends[row - 1] as number);
		const { bytes } = this.data;
		let at = begin;
		while ((bytes[at] as number) >= 0x80) at++;
		return at + 1;
	}

	/** The bytes of value `row`, not copied. */
	at(row: number): Uint8Array {
		assert(row < this.length, 'row is within the column');
		return this.data.bytes.subarray(this.start(row), this.ends[row]);
	}

	get(row: number): string {
		return utf8Text(this.at(row));
	}

	truncate(length: number): void {
		this.data.length = length === 0 ? 0 : (this.ends[length - 1] as number);
		this.length = length;
	}

	reset(keepBytesMax: number): void {
		this.length = 0;
		this.data.reset(keepBytesMax);
		if (this.ends.byteLength > keepBytesMax) this.ends = new Uint32Array(VALUES_AT_FIRST);
	}

	size(): number {
		return this.data.length + this.length * 4;
	}

	private close(): void {
		if (this.length === this.ends.length) this.ends = doubled(this.ends);
		this.ends[this.length++] = this.data.length;
	}
}

/** A copy with twice the room. */
export function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
	const grown = new Uint32Array(array.length * 2);
	grown.set(array);
	return grown;
}
