/**
 * Columns whose values all have the same width: numbers, times and ids.
 *
 * One class for all of them, over the little-endian bytes that Native carries, so that encoding is one copy and every call in a
 * hot loop reaches the same code whatever the type.
 */

import type { ByteSource } from '../../base/byte-buffer.ts';
import { assert } from '../../base/errors.ts';
import { toBigInt64, toBigUint64 } from '../../base/int64.ts';

export type FixedType =
	| 'UInt8'
	| 'UInt16'
	| 'UInt32'
	| 'UInt64'
	| 'Int32'
	| 'Int64'
	| 'Float64'
	| 'DateTime'
	| 'DateTime64(9)'
	| 'FixedString(8)'
	| 'FixedString(16)';

export const FIXED_WIDTH: Readonly<Record<FixedType, number>> = {
	UInt8: 1,
	UInt16: 2,
	UInt32: 4,
	UInt64: 8,
	Int32: 4,
	Int64: 8,
	Float64: 8,
	DateTime: 4,
	'DateTime64(9)': 8,
	'FixedString(8)': 8,
	'FixedString(16)': 16,
};

const ROWS_AT_FIRST = 64;

export class FixedColumn {
	readonly kind = 'fixed';
	readonly type: FixedType;
	readonly width: number;
	/** Row `i` is `[i * width, (i + 1) * width)`; valid up to `length` rows. */
	bytes: Uint8Array<ArrayBuffer>;
	view: DataView;
	length = 0;

	constructor(type: FixedType) {
		this.type = type;
		this.width = FIXED_WIDTH[type];
		this.bytes = new Uint8Array(ROWS_AT_FIRST * this.width);
		this.view = new DataView(this.bytes.buffer);
	}

	/** UInt8 */
	push8(value: number): void {
		if (this.length >= this.bytes.length) this.grow();
		this.bytes[this.length++] = value;
	}

	/** UInt32, Int32, DateTime: the low 32 bits of `value`. */
	push32(value: number): void {
		const at = this.length++ * 4;
		if (at >= this.bytes.length) this.grow();
		this.view.setInt32(at, value, true);
	}

	/** UInt64, Int64, DateTime64(9), Float64 bits. */
	push64(lo: number, hi: number): void {
		const at = this.length++ * 8;
		if (at >= this.bytes.length) this.grow();
		this.view.setInt32(at, lo, true);
		this.view.setInt32(at + 4, hi, true);
	}

	pushDouble(value: number): void {
		const at = this.length++ * 8;
		if (at >= this.bytes.length) this.grow();
		this.view.setFloat64(at, value, true);
	}

	/** `width` bytes from `source` at `start`. */
	pushBytes(source: ByteSource, start: number): void {
		const at = this.length++ * this.width;
		if (at >= this.bytes.length) this.grow();
		for (let i = 0; i < this.width; i += 4) this.view.setInt32(at + i, source.view.getInt32(start + i, true), true);
	}

	/** Appends `rows` values that lie one after another from `start` on. */
	pushRun(source: Uint8Array, start: number, rows: number): void {
		const at = this.length * this.width;
		const bytes = rows * this.width;
		while (at + bytes > this.bytes.length) this.grow();
		this.bytes.set(source.subarray(start, start + bytes), at);
		this.length += rows;
	}

	pushZero(): void {
		const at = this.length++ * this.width;
		if (at >= this.bytes.length) this.grow();
		this.bytes.fill(0, at, at + this.width);
	}

	/** A `bigint` for 64-bit integers and `DateTime64(9)` (ns), a view of the bytes for ids, else a number. */
	get(row: number): number | bigint | Uint8Array {
		assert(row < this.length, 'row is within the column');
		const at = row * this.width;
		switch (this.type) {
			case 'UInt8':
				return this.view.getUint8(at);
			case 'UInt16':
				return this.view.getUint16(at, true);
			case 'UInt32':
			case 'DateTime':
				return this.view.getUint32(at, true);
			case 'Int32':
				return this.view.getInt32(at, true);
			case 'UInt64':
				return toBigUint64(this.view.getUint32(at, true), this.view.getUint32(at + 4, true));
			case 'Int64':
			case 'DateTime64(9)':
				return toBigInt64(this.view.getUint32(at, true), this.view.getUint32(at + 4, true));
			case 'Float64':
				return this.view.getFloat64(at, true);
			case 'FixedString(8)':
			case 'FixedString(16)':
				return this.bytes.subarray(at, at + this.width);
		}
	}

	truncate(length: number): void {
		this.length = length;
	}

	reset(keepBytesMax: number): void {
		this.length = 0;
		if (this.bytes.length > keepBytesMax) this.replace(new Uint8Array(ROWS_AT_FIRST * this.width));
	}

	/** Bytes in use. */
	size(): number {
		return this.length * this.width;
	}

	private grow(): void {
		const grown = new Uint8Array(this.bytes.length * 2);
		grown.set(this.bytes);
		this.replace(grown);
	}

	private replace(bytes: Uint8Array<ArrayBuffer>): void {
		this.bytes = bytes;
		this.view = new DataView(bytes.buffer);
	}
}
