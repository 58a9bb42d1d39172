/**
 * A growable run of bytes that is written at its end: the value bytes of a column, an encoded message, a Native block.
 * `bytes`, `view` and `length` are public because hot loops write into them directly after `reserve`.
 */

import { assert } from './errors.ts';

/**
 * Bytes to read from, with a view for reading whole words at any offset. A class of its own and nothing else, so that the loops over
 * it are compiled for one shape of object.
 */
export class ByteSource {
	readonly bytes: Uint8Array;
	/** Over the same bytes: offset 0 of one is offset 0 of the other. */
	readonly view: DataView;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
		this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}
}

/** Below this a loop over words beats the call into `TypedArray.prototype.set` and the view object it needs. */
const LOOP_BYTES_MAX = 96;

const encoder = new TextEncoder();

export class ByteBuffer {
	/** Valid up to `length`; replaced when it grows, so never keep it across a write. */
	bytes: Uint8Array<ArrayBuffer>;
	view: DataView;
	length = 0;

	constructor(capacity = 64) {
		this.bytes = new Uint8Array(capacity);
		this.view = new DataView(this.bytes.buffer);
	}

	/** Makes room for `count` more bytes. */
	reserve(count: number): void {
		if (this.length + count > this.bytes.length) this.grow(this.length + count);
	}

	byte(value: number): void {
		this.reserve(1);
		this.bytes[this.length++] = value;
	}

	/** LEB128 of a non-negative integer below 2^53. */
	varint(value: number): void {
		this.reserve(8);
		while (value >= 0x80) {
			this.bytes[this.length++] = (value & 0x7f) | 0x80;
			value = value < 0x8000_0000 ? value >>> 7 : Math.floor(value / 0x80);
		}
		this.bytes[this.length++] = value;
	}

	/** Little-endian. */
	uint32(value: number): void {
		this.reserve(4);
		this.view.setUint32(this.length, value, true);
		this.length += 4;
	}

	/** A little-endian UInt64 of a non-negative integer below 2^53. */
	uint64(value: number): void {
		this.uint32(value);
		this.uint32(Math.floor(value / 0x1_0000_0000));
	}

	append(source: Uint8Array): void {
		this.reserve(source.length);
		this.bytes.set(source, this.length);
		this.length += source.length;
	}

	/** Copies `source[start, end)`. */
	appendRange(source: ByteSource, start: number, end: number): void {
		const count = end - start;
		this.reserve(count);
		if (count > LOOP_BYTES_MAX) {
			this.bytes.set(source.bytes.subarray(start, end), this.length);
			this.length += count;
			return;
		}
		const { view, bytes } = this;
		let to = this.length;
		const sourceBytes = source.bytes;
		const sourceView = source.view;
		let from = start;
		for (; from + 4 <= end; from += 4, to += 4) view.setInt32(to, sourceView.getInt32(from, true), true);
		for (; from < end; from++) bytes[to++] = sourceBytes[from] as number;
		this.length = to;
	}

	/** Appends characters below U+0080, such as the digits of a number. */
	ascii(text: string): void {
		this.reserve(text.length);
		for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
	}

	/** Appends `text` as UTF-8; lone surrogates become U+FFFD. */
	utf8(text: string): void {
		this.reserve(text.length * 3);
		this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
	}

	/** What was written, without a copy: valid until the next write. */
	contents(): Uint8Array<ArrayBuffer> {
		return this.bytes.subarray(0, this.length);
	}

	/** What was written, to be read, without a copy: valid until the next write. */
	source(): ByteSource {
		return new ByteSource(this.contents());
	}

	/** What was written, as a copy of its own. */
	toBytes(): Uint8Array<ArrayBuffer> {
		return this.bytes.slice(0, this.length);
	}

	/** Forgets what was written; keeps the memory, but of more than `keepBytesMax` gives the rest back. */
	reset(keepBytesMax: number = Number.POSITIVE_INFINITY): void {
		this.length = 0;
		if (this.bytes.length > keepBytesMax) this.replace(new Uint8Array(keepBytesMax));
	}

	private grow(needed: number): void {
		assert(needed < 2 ** 32, 'a byte buffer holds less than 4 GiB, because offsets into it are 32 bits');
		const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
		grown.set(this.bytes.subarray(0, this.length));
		this.replace(grown);
	}

	private replace(bytes: Uint8Array<ArrayBuffer>): void {
		this.bytes = bytes;
		this.view = new DataView(bytes.buffer);
	}
}
