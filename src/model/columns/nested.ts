/** Columns whose rows hold any number of values: where each row ends, and the values of all rows one after another. */

import { assert } from '../../base/errors.ts';
import type { FixedColumn } from './fixed.ts';
import { LowCardinalityColumn } from './low-cardinality.ts';
import { doubled, StringColumn } from './string.ts';

const ROWS_AT_FIRST = 64;

/** `Map(LowCardinality(String), String)`. Entries are appended to `keys` and `values`, then the row is closed with `endRow`. */
export class MapColumn {
	readonly kind = 'map';
	readonly keys: LowCardinalityColumn = new LowCardinalityColumn();
	readonly values: StringColumn = new StringColumn();
	/** Where row `i` ends among the entries; valid up to `length`. */
	ends: Uint32Array<ArrayBuffer> = new Uint32Array(ROWS_AT_FIRST);
	length = 0;

	/** Where the row being written begins among the entries. */
	openRow(): number {
		return this.length === 0 ? 0 : (this.ends[this.length - 1] as number);
	}

	endRow(): void {
		if (this.length === this.ends.length) this.ends = doubled(this.ends);
		this.ends[this.length++] = this.keys.length;
	}

	get(row: number): ReadonlyMap<string, string> {
		assert(row < this.length, 'row is within the column');
		const entries = new Map<string, string>();
		for (let i = row === 0 ? 0 : (this.ends[row - 1] as number); i < (this.ends[row] as number); i++) {
			entries.set(this.keys.get(i), this.values.get(i));
		}
		return entries;
	}

	truncate(length: number): void {
		const entries = length === 0 ? 0 : (this.ends[length - 1] as number);
		this.length = length;
		this.keys.truncate(entries);
		this.values.truncate(entries);
	}

	reset(keepBytesMax: number): void {
		this.length = 0;
		this.keys.reset(keepBytesMax);
		this.values.reset(keepBytesMax);
		if (this.ends.byteLength > keepBytesMax) this.ends = new Uint32Array(ROWS_AT_FIRST);
	}

	size(): number {
		return this.length * 4 + this.keys.size() + this.values.size();
	}
}

/** What an array may hold: arrays of arrays do not occur. */
export type ScalarColumn = FixedColumn | StringColumn | LowCardinalityColumn | MapColumn;

/** One value of such a column, read late. */
export type ScalarValue = ReturnType<ScalarColumn['get']>;

/** `Array(T)`. Items are appended to `items`, then the row is closed with `endRow`. */
export class ArrayColumn<Items extends ScalarColumn = ScalarColumn> {
	readonly kind = 'array';
	readonly items: Items;
	/** Where row `i` ends among the items; valid up to `length`. */
	ends: Uint32Array<ArrayBuffer> = new Uint32Array(ROWS_AT_FIRST);
	length = 0;

	constructor(items: Items) {
		this.items = items;
	}

	endRow(): void {
		if (this.length === this.ends.length) this.ends = doubled(this.ends);
		this.ends[this.length++] = this.items.length;
	}

	get(row: number): readonly ScalarValue[] {
		assert(row < this.length, 'row is within the column');
		const values: ScalarValue[] = [];
		for (let i = row === 0 ? 0 : (this.ends[row - 1] as number); i < (this.ends[row] as number); i++) values.push(this.items.get(i));
		return values;
	}

	truncate(length: number): void {
		this.items.truncate(length === 0 ? 0 : (this.ends[length - 1] as number));
		this.length = length;
	}

	reset(keepBytesMax: number): void {
		this.length = 0;
		this.items.reset(keepBytesMax);
		if (this.ends.byteLength > keepBytesMax) this.ends = new Uint32Array(ROWS_AT_FIRST);
	}

	size(): number {
		return this.length * 4 + this.items.size();
	}
}
