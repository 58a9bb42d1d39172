/**
 * A growable run of bytes that is written at its end: the value bytes of a column, an encoded message, a Native block.
 * `bytes` and `length` are public because hot loops write into them directly after `reserve`.
 */

const encoder = new TextEncoder();

export class ByteBuffer {
	/** Valid up to `length`; the array is replaced when it grows, so never keep it across a write. */
	bytes: Uint8Array;
	length = 0;

	constructor(capacity = 64) {
		this.bytes = new Uint8Array(capacity);
	}

	/** Makes room for `count` more bytes. */
	reserve(count: number): void {
		const needed = this.length + count;
		if (needed <= this.bytes.length) return;
		const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
		grown.set(this.bytes.subarray(0, this.length));
		this.bytes = grown;
	}

	byte(value: number): void {
		this.reserve(1);
		this.bytes[this.length++] = value;
	}

	/** LEB128 of a non-negative integer below 2^53. */
	varint(value: number): void {
		this.reserve(8);
		while (value >= 0x80) {
			this.bytes[this.length++] = (value % 0x80) | 0x80;
			value = value < 0x8000_0000 ? value >>> 7 : Math.floor(value / 0x80);
		}
		this.bytes[this.length++] = value;
	}

	append(source: Uint8Array): void {
		this.reserve(source.length);
		this.bytes.set(source, this.length);
		this.length += source.length;
	}

	/** Copies `source[start, end)`; short runs byte by byte, which beats the call into `set` below some tens of bytes. */
	appendRange(source: Uint8Array, start: number, end: number): void {
		const count = end - start;
		this.reserve(count);
		if (count > 48) {
			this.bytes.set(source.subarray(start, end), this.length);
			this.length += count;
			return;
		}
		const bytes = this.bytes;
		let to = this.length;
		for (let from = start; from < end; from++) bytes[to++] = source[from] as number;
		this.length = to;
	}

	/** Appends `text` as UTF-8; lone surrogates become U+FFFD. */
	utf8(text: string): void {
		this.reserve(text.length * 3);
		this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
	}

	/** What was written, without a copy: valid until the next write. */
	view(): Uint8Array {
		return this.bytes.subarray(0, this.length);
	}

	/** What was written, as a copy of its own. */
	toBytes(): Uint8Array {
		return this.bytes.slice(0, this.length);
	}

	/** Forgets what was written; keeps the memory unless more than `keepBytesMax` was held. */
	reset(keepBytesMax = Number.POSITIVE_INFINITY): void {
		this.length = 0;
		if (this.bytes.length > keepBytesMax) this.bytes = new Uint8Array(keepBytesMax);
	}
}
