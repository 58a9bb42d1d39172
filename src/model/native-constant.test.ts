import { expect, test } from 'vitest';
import { Block } from './block.ts';
import { decodeNative, encodeNative } from './native.ts';
import { withConstant } from './native-constant.ts';
import { ARRIVAL, LOGS } from './schema.ts';

test('a block gains a column with one value in every row, and keeps the others byte by byte', () => {
	const empty = encodeNative(new Block(LOGS.columns));
	const wider = Buffer.concat(withConstant(empty, ARRIVAL.name, 1_790_000_000));
	expect(decodeNative(wider).block.columns).toEqual([...LOGS.columns, ARRIVAL]);

	const native = Uint8Array.of(1, 2, 1, 97, 6, ...Buffer.from('UInt32'), 5, 0, 0, 0, 6, 0, 0, 0);
	expect(decodeNative(native).block.rows).toBe(2);
	const { block, end } = decodeNative(Buffer.concat(withConstant(native, 'b', 258)));
	expect([block.rows, block.columns.map(({ name }) => name), end]).toEqual([2, ['a', 'b'], native.length + 2 + 7 + 8]);
	expect(encodeNative(block).subarray(-8)).toEqual(Uint8Array.of(2, 1, 0, 0, 2, 1, 0, 0));
});

test.each([
	[[]],
	[[0x80]],
	[[3]],
	[[3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
	// A million rows in three bytes.
	[[1, 0xc0, 0x84, 0x3d]],
])('what is no block is left for the engine to refuse: %j', (bytes) => {
	const block = Uint8Array.from(bytes);
	expect(withConstant(block, 'b', 1)).toEqual([block]);
});
