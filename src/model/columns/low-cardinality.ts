/** A column of texts that repeat: a dictionary and one number a row. */

import type { ByteSource } from '../../base/byte-buffer.ts';
import { assert } from '../../base/errors.ts';
import { Dictionary } from './dictionary.ts';
import { doubled } from './string.ts';

const ROWS_AT_FIRST = 64;

export class LowCardinalityColumn {
	readonly kind = 'low-cardinality';
	readonly dictionary: Dictionary = new Dictionary();
	/** The dictionary entry of each row; valid up to `length`. */
	indexes: Uint32Array<ArrayBuffer> = new Uint32Array(ROWS_AT_FIRST);
	length = 0;

	/** Appends `source[start, end)`, ill-formed UTF-8 replaced by U+FFFD. */
	push(source: ByteSource, start: number, end: number): void {
		const guess = this.length === 0 ? 0 : (this.indexes[this.length - 1] as number);
		this.pushIndex(this.dictionary.internText(source, start, end, guess));
	}

	/** Appends dictionary entry `index`; 0 is the empty string. */
	pushIndex(index: number): void {
		if (this.length === this.indexes.length) this.indexes = doubled(this.indexes);
		this.indexes[this.length++] = index;
	}

	get(row: number): string {
		assert(row < this.length, 'row is within the column');
		return this.dictionary.get(this.indexes[row] as number);
	}

	/** Rows only: the dictionary is taken back by `Block.rollback`, which knows how far. */
	truncate(length: number): void {
		this.length = length;
	}

	reset(keepBytesMax: number): void {
		this.length = 0;
		this.dictionary.reset(keepBytesMax);
		if (this.indexes.byteLength > keepBytesMax) this.indexes = new Uint32Array(ROWS_AT_FIRST);
	}

	size(): number {
		return this.length * 4 + this.dictionary.size();
	}
}
