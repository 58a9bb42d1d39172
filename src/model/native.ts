/**
 * ClickHouse's `Native` format, revision 0, as `FORMAT Native` has it over HTTP and in files. A segment on disk is a run of such blocks.
 *
 * block   = columns: varint, rows: varint, column*                 (a block without rows has no column data at all)
 * column  = name: string, type: string, prefix(type), data(type)   string = varint length, bytes
 * prefix  LowCardinality: UInt64 version = 1; Array and Map: the prefix of what is nested; else nothing
 * data    fixed width   rows * width bytes, little-endian
 *         String        string*
 *         Array(T)      rows * UInt64 end of the row among the items, data(T) of all items
 *         Map(K, V)     as Array(Tuple(K, V)): ends, data(K), data(V)
 *         LowCardinality  nothing when there are no rows, else UInt64 flags (bits 0-7 index width 0 = 8, 1 = 16, 2 = 32 bits;
 *                         bit 9 = keys follow; bit 10 = keys are new), UInt64 key count, keys as String, UInt64 rows, indexes
 *
 * Source: ClickHouse src/Formats/NativeWriter.cpp, src/DataTypes/Serializations/Serialization{LowCardinality,Array,Map}.cpp;
 * `test/otlp/native.test.ts` has the engine itself read and write it.
 */

import { ByteBuffer, ByteSource } from '../base/byte-buffer.ts';
import { assert, Failure } from '../base/errors.ts';
import { utf8Text } from '../base/utf8.ts';
import { Block } from './block.ts';
import { type Column, createColumn, isColumnType } from './columns/column.ts';
import type { Dictionary } from './columns/dictionary.ts';
import type { LowCardinalityColumn } from './columns/low-cardinality.ts';
import type { ArrayColumn, MapColumn } from './columns/nested.ts';
import type { StringColumn } from './columns/string.ts';
import type { ColumnSpec } from './schema.ts';

const LOW_CARDINALITY_VERSION = 1;
const HAS_KEYS = 1 << 9;
const NEW_KEYS = 1 << 10;
/** Bit 8: indexes into a dictionary shared between blocks, which Native never has. */
const SHARED_KEYS = 1 << 8;

assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, 'this machine is little-endian, as the columns are');

/**
 * One Native block with all rows of `block`. The result shares nothing with the block, which may be reset at once; it lies in `out`, whose
 * contents it replaces.
 */
export function encodeNative(block: Block, out: ByteBuffer = new ByteBuffer(0)): Uint8Array<ArrayBuffer> {
	block.assertWhole();
	out.reset();
	out.reserve(blockBytes(block));
	out.varint(block.columns.length);
	out.varint(block.rows);
	block.columns.forEach((spec, i) => {
		writeText(out, spec.name);
		writeText(out, spec.type);
		if (block.rows === 0) return;
		const column = block.data[i] as Column;
		writePrefix(out, column);
		writeData(out, column);
	});
	return out.contents();
}

/** What the encoded block takes, exact but for some bytes of counts: one allocation, no copy when growing. */
function blockBytes(block: Block): number {
	let bytes = 16;
	block.columns.forEach((spec, i) => {
		bytes += spec.name.length + spec.type.length + 32 + dataBytes(block.data[i] as Column);
	});
	return bytes;
}

function dataBytes(column: Column): number {
	switch (column.kind) {
		case 'fixed':
			return column.length * column.width;
		case 'string':
			return column.data.length;
		case 'low-cardinality':
			return 24 + column.dictionary.entries.data.length + column.length * indexWidth(column.dictionary.length);
		case 'map':
			return column.length * 8 + dataBytes(column.keys) + dataBytes(column.values);
		case 'array':
			return column.length * 8 + dataBytes(column.items);
	}
}

function writeText(out: ByteBuffer, text: string): void {
	out.varint(text.length);
	out.ascii(text);
}

function writePrefix(out: ByteBuffer, column: Column): void {
	if (column.kind === 'low-cardinality' || column.kind === 'map') out.uint64(LOW_CARDINALITY_VERSION);
	else if (column.kind === 'array') writePrefix(out, column.items);
}

function writeData(out: ByteBuffer, column: Column): void {
	switch (column.kind) {
		case 'fixed':
			out.append(column.bytes.subarray(0, column.length * column.width));
			return;
		case 'string':
			out.append(column.data.contents());
			return;
		case 'low-cardinality':
			writeLowCardinality(out, column);
			return;
		case 'map':
			writeEnds(out, column.ends, column.length);
			writeLowCardinality(out, column.keys);
			out.append(column.values.data.contents());
			return;
		case 'array':
			writeEnds(out, column.ends, column.length);
			writeData(out, column.items);
	}
}

function writeEnds(out: ByteBuffer, ends: Uint32Array, rows: number): void {
	out.reserve(rows * 8);
	const { view } = out;
	let at = out.length;
	for (let row = 0; row < rows; row++, at += 8) {
		view.setUint32(at, ends[row] as number, true);
		view.setUint32(at + 4, 0, true);
	}
	out.length = at;
}

function writeLowCardinality(out: ByteBuffer, column: LowCardinalityColumn): void {
	const rows = column.length;
	if (rows === 0) return;
	const { entries } = column.dictionary;
	const width = indexWidth(entries.length);
	out.uint64(HAS_KEYS | NEW_KEYS | (width >> 1));
	out.uint64(entries.length);
	out.append(entries.data.contents());
	out.uint64(rows);
	out.reserve(rows * width);
	writeIndexes(out, column.indexes, rows, width);
}

function writeIndexes(out: ByteBuffer, indexes: Uint32Array, rows: number, width: number): void {
	const { bytes, view } = out;
	let at = out.length;
	if (width === 1) for (let row = 0; row < rows; row++) bytes[at++] = indexes[row] as number;
	else if (width === 2) for (let row = 0; row < rows; row++, at += 2) view.setUint16(at, indexes[row] as number, true);
	else for (let row = 0; row < rows; row++, at += 4) view.setUint32(at, indexes[row] as number, true);
	out.length = at;
}

/** Bytes an index takes: 1, 2 or 4. */
function indexWidth(entries: number): number {
	if (entries <= 0x100) return 1;
	return entries <= 0x1_0000 ? 2 : 4;
}

/**
 * Reads the block that begins at `offset` and says where it ends, which is where the next one of a stream begins. Throws `Failure`:
 * `malformed` for damaged bytes, `unsupported` for a column type we have no column for.
 */
export function decodeNative(bytes: Uint8Array, offset = 0): { readonly block: Block; readonly end: number } {
	const reader = new NativeReader(bytes, offset);
	const columnCount = reader.varint();
	const rows = reader.varint();
	const columns: ColumnSpec[] = [];
	const data: Column[] = [];
	for (let i = 0; i < columnCount; i++) {
		const name = reader.text();
		const type = reader.text();
		if (!isColumnType(type)) throw new Failure('unsupported', `cannot read a Native column of type ${type.slice(0, 100)}`);
		const column = createColumn(type);
		if (rows > 0) {
			reader.prefix(column);
			reader.data(column, rows);
		}
		columns.push({ name, type });
		data.push(column);
	}
	return { block: new Block(columns, data), end: reader.at };
}

class NativeReader {
	at: number;
	private readonly source: ByteSource;

	constructor(bytes: Uint8Array, at: number) {
		this.source = new ByteSource(bytes);
		this.at = at;
	}

	/** Below 2^53. */
	varint(): number {
		let value = 0;
		for (let scale = 1; scale < 2 ** 53; scale *= 128) {
			const byte = this.source.bytes[this.take(1)] as number;
			value += (byte & 0x7f) * scale;
			if (byte < 0x80) return value;
		}
		throw this.damaged('a number is too large');
	}

	text(): string {
		const length = this.varint();
		const start = this.take(length);
		return utf8Text(this.source.bytes, start, start + length);
	}

	prefix(column: Column): void {
		if (column.kind === 'array') this.prefix(column.items);
		else if ((column.kind === 'low-cardinality' || column.kind === 'map') && this.uint64() !== LOW_CARDINALITY_VERSION)
			throw this.damaged('unknown version of LowCardinality');
	}

	data(column: Column, rows: number): void {
		switch (column.kind) {
			case 'fixed':
				column.pushRun(this.source.bytes, this.take(rows * column.width), rows);
				return;
			case 'string':
				this.strings(column, rows);
				return;
			case 'low-cardinality':
				this.lowCardinality(column, rows);
				return;
			case 'map':
			case 'array':
				this.nested(column, rows);
		}
	}

	private strings(column: StringColumn, rows: number): void {
		for (let row = 0; row < rows; row++) {
			const length = this.varint();
			const start = this.take(length);
			column.pushRaw(this.source, start, start + length);
		}
	}

	/** Numbers are given out anew: the engine's dictionary may begin with another entry than ours. */
	private lowCardinality(column: LowCardinalityColumn, rows: number): void {
		if (rows === 0) return;
		const flags = this.uint64();
		if ((flags & HAS_KEYS) === 0 || (flags & SHARED_KEYS) !== 0) throw this.damaged('a LowCardinality column without keys of its own');
		const width = 1 << (flags & 0xff);
		if (width > 4) throw new Failure('unsupported', 'cannot read LowCardinality indexes of 64 bits');
		const ids = this.keys(column.dictionary, this.uint64());
		if (this.uint64() !== rows) throw this.damaged('a LowCardinality column has another number of rows than its block');
		const { view } = this.source;
		let at = this.take(rows * width);
		for (let row = 0; row < rows; row++, at += width) {
			const index = width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
			const id = ids[index];
			if (id === undefined) throw this.damaged('a LowCardinality index has no key');
			column.pushIndex(id);
		}
	}

	private keys(dictionary: Dictionary, count: number): number[] {
		const ids: number[] = [];
		for (let i = 0; i < count; i++) {
			const length = this.varint();
			const start = this.take(length);
			ids.push(dictionary.intern(this.source, start, start + length));
		}
		return ids;
	}

	private nested(column: ArrayColumn | MapColumn, rows: number): void {
		if (rows * 8 > this.source.bytes.length - this.at) throw this.damaged('the block is cut off');
		const ends = new Uint32Array(rows);
		let items = 0;
		for (let row = 0; row < rows; row++) {
			const end = this.uint64();
			if (end < items || end >= 2 ** 32) throw this.damaged('array ends do not rise');
			items = end;
			ends[row] = end;
		}
		column.ends = ends;
		column.length = rows;
		if (column.kind === 'array') {
			this.data(column.items, items);
		} else {
			this.lowCardinality(column.keys, items);
			this.strings(column.values, items);
		}
	}

	/** Below 2^53. */
	private uint64(): number {
		const at = this.take(8);
		const value = this.source.view.getUint32(at, true) + this.source.view.getUint32(at + 4, true) * 2 ** 32;
		if (value >= 2 ** 53) throw this.damaged('a number is too large');
		return value;
	}

	/** Steps over `count` bytes and returns where they begin. */
	private take(count: number): number {
		const at = this.at;
		if (count > this.source.bytes.length - at) throw this.damaged('the block is cut off');
		this.at = at + count;
		return at;
	}

	private damaged(what: string): Failure {
		return new Failure('malformed', `not a Native block: ${what}, near byte ${this.at}`);
	}
}
