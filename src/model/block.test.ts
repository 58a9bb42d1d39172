import { expect, test } from 'vitest';
import { ByteSource } from '../base/byte-buffer.ts';
import { utf8Bytes } from '../base/utf8.ts';
import { BLOCK_LIMITS, Block } from './block.ts';
import { FixedColumn } from './columns/fixed.ts';
import { decodeNative, encodeNative } from './native.ts';
import type { ColumnSpec } from './schema.ts';

const COLUMNS: readonly ColumnSpec[] = [
	{ name: 'id', type: 'FixedString(8)' },
	{ name: 'text', type: 'String' },
	{ name: 'name', type: 'LowCardinality(String)' },
	{ name: 'tags', type: 'Map(LowCardinality(String), String)' },
	{ name: 'times', type: 'Array(UInt64)' },
];

function source(text: string): ByteSource {
	return new ByteSource(utf8Bytes(text));
}

/** Writes the row except for its last column, so that a test can stop in the middle. */
function beginRow(block: Block, n: number): void {
	block.fixed('id').push64(n, n);
	block.string('text').push(source(`text ${n}`), 0, `text ${n}`.length);
	block.lowCardinality('name').push(source(`name ${n % 3}`), 0, 6);
	const tags = block.map('tags');
	for (let i = 0; i < n % 4; i++) {
		tags.keys.push(source(`key ${i}`), 0, 5);
		tags.values.push(source(`value ${n}`), 0, `value ${n}`.length);
	}
	tags.endRow();
	block.array('times', FixedColumn).items.push64(n, 0);
}

function addRow(block: Block, n: number): void {
	beginRow(block, n);
	block.array('times', FixedColumn).endRow();
	block.commitRow();
}

test('rolling back takes away whole rows, half a row and what the dictionaries learnt', () => {
	const block = new Block(COLUMNS);
	addRow(block, 1);
	const before = encodeNative(block);
	const mark = block.mark();
	for (let n = 2; n < 200; n++) addRow(block, n);
	beginRow(block, 200);
	block.rollback(mark);
	expect(block.rows).toBe(1);
	expect(encodeNative(block)).toEqual(before);
	addRow(block, 2);
	expect(block.row(1)).toMatchObject({
		text: 'text 2',
		name: 'name 2',
		tags: new Map([
			['key 0', 'value 2'],
			['key 1', 'value 2'],
		]),
		times: [2n],
	});
});

test('a block that was reset encodes as a new one does', () => {
	const used = new Block(COLUMNS);
	for (let n = 0; n < 1000; n++) addRow(used, n);
	used.reset();
	expect(used.rows).toBe(0);
	const fresh = new Block(COLUMNS);
	expect(encodeNative(used)).toEqual(encodeNative(fresh));
	for (const block of [used, fresh]) for (let n = 5; n < 50; n++) addRow(block, n);
	expect(encodeNative(used)).toEqual(encodeNative(fresh));
});

test('is full by rows, and by names', () => {
	const rows = new Block([{ name: 'n', type: 'UInt8' }]);
	for (let n = 0; n < BLOCK_LIMITS.rows; n++) {
		expect(rows.full).toBe(false);
		rows.fixed('n').push8(n);
		rows.commitRow();
	}
	expect(rows.full).toBe(true);
	const names = new Block([{ name: 'name', type: 'LowCardinality(String)' }]);
	for (let n = 0; n < BLOCK_LIMITS.dictionaryEntries; n++) {
		const name = source(`name ${n}`);
		names.lowCardinality('name').push(name, 0, name.bytes.length);
		names.commitRow();
	}
	expect(names.full).toBe(true);
});

test('a row that is not whole cannot be encoded', () => {
	const block = new Block(COLUMNS);
	beginRow(block, 1);
	block.commitRow();
	expect(() => encodeNative(block)).toThrow('column times has 0 of 1 rows');
});

test('blocks of a stream are read one after another; an empty one is only its header', () => {
	const block = new Block(COLUMNS);
	const empty = encodeNative(block);
	for (let n = 0; n < 3; n++) addRow(block, n);
	const stream = Buffer.concat([encodeNative(block), empty, encodeNative(block)]);
	const rows = [];
	for (let at = 0; at < stream.length; ) {
		const { block: next, end } = decodeNative(stream, at);
		expect(next.columns).toEqual(COLUMNS);
		rows.push(next.rows);
		at = end;
	}
	expect(rows).toEqual([3, 0, 3]);
});

test('damaged Native is refused, never read past its end', () => {
	const block = new Block(COLUMNS);
	for (let n = 0; n < 9; n++) addRow(block, n);
	const native = encodeNative(block);
	for (let length = 0; length < native.length; length++) {
		expect(() => decodeNative(native.subarray(0, length))).toThrow(expect.objectContaining({ name: 'Failure' }));
	}
	for (let at = 0; at < native.length; at++) {
		for (const byte of [0, 0xff]) {
			try {
				decodeNative(native.with(at, byte));
			} catch (error) {
				expect(error).toMatchObject({ name: 'Failure' });
			}
		}
	}
});
