/**
 * The singular fields of one message while it is read, by field number: two 32-bit words each in typed arrays that are used again
 * for every message of the kind, so that a record costs no object.
 *
 * For a number the words are its low and high halves; for bytes, strings and messages they are where the content starts and ends in
 * the body. A field that was not there is zero: the number 0, or an empty range.
 */

import type { FixedColumn } from '../model/columns/fixed.ts';
import type { LowCardinalityColumn } from '../model/columns/low-cardinality.ts';
import type { StringColumn } from '../model/columns/string.ts';
import type { Wire } from './wire.ts';

export class Fields {
	readonly lo: Int32Array;
	readonly hi: Int32Array;
	/** Bit `n` is set when field `n` occurred. */
	seen = 0;

	/** `highest` is the highest field number, below 32. */
	constructor(highest: number) {
		this.lo = new Int32Array(highest + 1);
		this.hi = new Int32Array(highest + 1);
	}

	clear(): void {
		const { lo, hi } = this;
		this.seen = 0;
		for (let i = 0; i < lo.length; i++) {
			lo[i] = 0;
			hi[i] = 0;
		}
	}

	/** Reads the field whose tag was `tag`, by its wire type. */
	read(wire: Wire, tag: number, end: number): void {
		const field = tag >>> 3;
		this.seen |= 1 << field;
		switch (tag & 7) {
			case 0:
				wire.varint64();
				this.lo[field] = wire.lo;
				this.hi[field] = wire.hi;
				return;
			case 1:
				wire.fixed64();
				this.lo[field] = wire.lo;
				this.hi[field] = wire.hi;
				return;
			case 2: {
				const stop = wire.chunk(end);
				this.lo[field] = wire.at;
				this.hi[field] = stop;
				wire.at = stop;
				return;
			}
			default:
				this.lo[field] = wire.fixed32();
		}
	}

	has(field: number): boolean {
		return (this.seen & (1 << field)) !== 0;
	}

	/** Bytes of a length-delimited field. */
	size(field: number): number {
		return (this.hi[field] as number) - (this.lo[field] as number);
	}

	/** The low 32 bits, unsigned. */
	uint32(field: number): number {
		return (this.lo[field] as number) >>> 0;
	}

	push32(column: FixedColumn, field: number): void {
		column.push32(this.lo[field] as number);
	}

	push64(column: FixedColumn, field: number): void {
		column.push64(this.lo[field] as number, this.hi[field] as number);
	}

	pushText(column: StringColumn, wire: Wire, field: number): void {
		column.push(wire.source, this.lo[field] as number, this.hi[field] as number);
	}

	pushName(column: LowCardinalityColumn, wire: Wire, field: number): void {
		column.push(wire.source, this.lo[field] as number, this.hi[field] as number);
	}

	/** The dictionary entry of the text in `field`. */
	intern(column: LowCardinalityColumn, wire: Wire, field: number): number {
		return column.dictionary.internText(wire.source, this.lo[field] as number, this.hi[field] as number);
	}

	/** Appends the id in `field`, or zeros when it is not `column.width` bytes. */
	pushId(column: FixedColumn, wire: Wire, field: number): void {
		if (this.size(field) === column.width) column.pushBytes(wire.source, this.lo[field] as number);
		else column.pushZero();
	}

	/** Whether `field` holds `width` bytes that are not all zero; `width` is a multiple of 4. */
	isId(wire: Wire, field: number, width: number): boolean {
		if (this.size(field) !== width) return false;
		const start = this.lo[field] as number;
		let bits = 0;
		for (let i = 0; i < width; i += 4) bits |= wire.view.getInt32(start + i, true);
		return bits !== 0;
	}
}
