import { expect, test } from 'vitest';
import { ByteBuffer, ByteSource } from './byte-buffer.ts';
import { utf8Text } from './utf8.ts';

test('varints keep seven bits a byte, low ones first, also beyond 32 bits', () => {
	const out = new ByteBuffer(1);
	for (const value of [0, 127, 128, 2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1]) out.varint(value);
	expect(Buffer.from(out.contents()).toString('hex')).toBe('007f800180808080088180808010ffffffffffffff0f');
});

test('grows as needed and copies ranges of any length', () => {
	const source = Uint8Array.from({ length: 500 }, (_, i) => i % 251);
	for (const length of [0, 1, 3, 4, 5, 96, 97, 400]) {
		const out = new ByteBuffer(1);
		out.byte(7);
		out.appendRange(new ByteSource(source), 9, 9 + length);
		expect(out.toBytes()).toEqual(Uint8Array.from([7, ...source.subarray(9, 9 + length)]));
	}
});

test('UInt64 is little-endian', () => {
	const out = new ByteBuffer(1);
	out.uint64(2 ** 40 + 5);
	expect([...out.contents()]).toEqual([5, 0, 0, 0, 0, 1, 0, 0]);
});

test('reset gives memory beyond the limit back and keeps the rest', () => {
	const out = new ByteBuffer(16);
	out.utf8('x'.repeat(1000));
	out.reset(4096);
	expect(out.length).toBe(0);
	expect(out.bytes.length).toBeGreaterThan(1000);
	out.reset(100);
	expect(out.bytes.length).toBe(100);
	out.utf8('still works');
	expect(utf8Text(out.contents())).toBe('still works');
});
