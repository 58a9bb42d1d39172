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
 * `native.chdb.test.ts` has the engine itself read and write it.
 */

import { ByteBuffer } from '../base/byte-buffer.ts';
import { assert } from '../base/errors.ts';
import type { Block } from './block.ts';
import type { Column } from './columns/column.ts';
import type { LowCardinalityColumn } from './columns/low-cardinality.ts';

export const LOW_CARDINALITY_VERSION = 1;
export const HAS_KEYS = 1 << 9;
export const NEW_KEYS = 1 << 10;

assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, 'this machine is little-endian, as the columns are');

/** One Native block with all rows of `block`. The result shares nothing with the block, which may be reset at once. */
export function encodeNative(block: Block): Uint8Array<ArrayBuffer> {
	block.assertWhole();
	const out = new ByteBuffer(blockBytes(block));
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
