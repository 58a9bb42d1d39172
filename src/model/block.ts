/**
 * A block: the rows of one table, column by column, from the wire to the disk.
 *
 * Decoders append the records of many requests to one open block, so that dictionaries are paid for once; what turns out malformed
 * midway is taken back by `rollback`. When the block is `full`, or old enough, it is processed, encoded (`native.ts`) and `reset`,
 * which keeps its memory for the next one.
 *
 * A row is written by pushing one value into every column (for arrays and maps: items, then `endRow`) and calling `commitRow`.
 */

import { assert } from '../base/errors.ts';
import { type Column, type ColumnValue, createColumn, dictionariesOf } from './columns/column.ts';
import type { Dictionary } from './columns/dictionary.ts';
import { FixedColumn } from './columns/fixed.ts';
import { LowCardinalityColumn } from './columns/low-cardinality.ts';
import { ArrayColumn, MapColumn, type ScalarColumn } from './columns/nested.ts';
import { StringColumn } from './columns/string.ts';
import type { ColumnSpec } from './schema.ts';

/**
 * When a block is full. It is asked between requests, so a block can exceed these by what one request decodes to: with requests of at
 * most 64 MiB and the caps of `otlp/limits.ts` at worst some 400 MiB, normally a few.
 *
 * rows: ClickHouse writes one part per insert, and parts above some 100 000 rows gain little; at 500 bytes a span this is 64 MiB too.
 * dictionary: above 65 536 entries an index takes four bytes instead of two, and a dictionary has stopped being one.
 */
export const BLOCK_LIMITS = {
	rows: 131_072,
	bytes: 64 * 1024 * 1024,
	dictionaryEntries: 65_536,
} as const;

/** Memory of one array a `reset` keeps; a full block of spans has none above 32 MiB, so only what an outlier grew is given back. */
export const KEEP_BYTES_MAX: number = 32 * 1024 * 1024;

/** A place to come back to. */
export interface Mark {
	rows: number;
	readonly dictionaryLengths: Uint32Array;
}

export class Block {
	/** Names and types, in the order they travel. */
	readonly columns: readonly ColumnSpec[];
	/** The data of `columns[i]`. */
	readonly data: readonly Column[];
	private readonly dictionaries: readonly Dictionary[];
	private committed: number;

	/** An empty block, or one of columns that are filled already. */
	constructor(columns: readonly ColumnSpec[], data: readonly Column[] = columns.map((column) => createColumn(column.type))) {
		this.columns = columns;
		this.data = data;
		this.committed = data[0]?.length ?? 0;
		this.dictionaries = this.data.flatMap(dictionariesOf);
	}

	/** Rows written completely. */
	get rows(): number {
		return this.committed;
	}

	/** Ends a row: every column must have got one value. */
	commitRow(): void {
		this.committed++;
	}

	/** Bytes of data held (not capacity). */
	size(): number {
		let size = 0;
		for (const column of this.data) size += column.size();
		return size;
	}

	get full(): boolean {
		if (this.committed >= BLOCK_LIMITS.rows || this.size() >= BLOCK_LIMITS.bytes) return true;
		return this.dictionaries.some((dictionary) => dictionary.length >= BLOCK_LIMITS.dictionaryEntries);
	}

	/** Remembers the current end, in `mark` if one is given. */
	mark(mark: Mark = { rows: 0, dictionaryLengths: new Uint32Array(this.dictionaries.length) }): Mark {
		mark.rows = this.committed;
		for (let i = 0; i < this.dictionaries.length; i++) mark.dictionaryLengths[i] = (this.dictionaries[i] as Dictionary).length;
		return mark;
	}

	/** Takes back everything since `mark`, a row half written included, down to the dictionary entries. */
	rollback(mark: Mark): void {
		assert(mark.rows <= this.committed, 'a mark lies before the end');
		for (const column of this.data) column.truncate(mark.rows);
		for (let i = 0; i < this.dictionaries.length; i++) (this.dictionaries[i] as Dictionary).truncate(mark.dictionaryLengths[i] as number);
		this.committed = mark.rows;
	}

	/** Empties the block; memory up to `KEEP_BYTES_MAX` an array is kept for the next rows. */
	reset(): void {
		for (const column of this.data) column.reset(KEEP_BYTES_MAX);
		this.committed = 0;
	}

	/** Programmer's check, used before encoding: all columns are of the same length. */
	assertWhole(): void {
		this.data.forEach((column, i) => {
			assert(column.length === this.committed, `column ${this.columns[i]?.name} has ${column.length} of ${this.committed} rows`);
		});
	}

	column(name: string): Column {
		const column = this.data[this.columns.findIndex((spec) => spec.name === name)];
		assert(column !== undefined, `the block has a column ${name}`);
		return column;
	}

	fixed(name: string): FixedColumn {
		return expectKind(this.column(name), FixedColumn, name);
	}

	string(name: string): StringColumn {
		return expectKind(this.column(name), StringColumn, name);
	}

	lowCardinality(name: string): LowCardinalityColumn {
		return expectKind(this.column(name), LowCardinalityColumn, name);
	}

	map(name: string): MapColumn {
		return expectKind(this.column(name), MapColumn, name);
	}

	/** An array column whose items are of class `Items`. */
	array<Items extends ScalarColumn>(name: string, items: new (...args: never[]) => Items): ArrayColumn<Items> {
		const column = expectKind(this.column(name), ArrayColumn, name);
		expectKind(column.items, items, name);
		return column as ArrayColumn<Items>;
	}

	/** One row as an object, for tests and inspection; hot paths stay in the columns. */
	row(row: number): Record<string, ColumnValue> {
		return Object.fromEntries(this.columns.map((spec, i) => [spec.name, (this.data[i] as Column).get(row)]));
	}
}

function expectKind<T extends Column>(column: Column, kind: new (...args: never[]) => T, name: string): T {
	assert(column instanceof kind, `column ${name} is a ${kind.name}`);
	return column;
}
