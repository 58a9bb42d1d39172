import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../base/errors.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

const CURSOR = { range: { fromMs: 1_000, toMs: 2_000 }, value: '1795489966793000000', traceId: 'ab'.repeat(16) };

describe('a cursor', () => {
	test('gives back what was put in, for the same question only', () => {
		const text = encodeCursor(CURSOR, 'question');
		expect(decodeCursor(text, 'question')).toEqual(CURSOR);
		expect(() => decodeCursor(text, 'another question')).toThrow('another search');
	});

	test('keeps all 64 bits of its value', () => {
		for (const value of ['9223372036854775807', '-5', '0'])
			expect(decodeCursor(encodeCursor({ ...CURSOR, value }, 'q'), 'q').value).toBe(value);
	});

	test('outside what the engine can hold is refused', () => {
		const forge = (over: Partial<typeof CURSOR>) => encodeCursor({ ...CURSOR, ...over }, 'q');
		for (const text of [
			forge({ value: '9223372036854775808' }),
			forge({ range: { fromMs: 2, toMs: 1 } }),
			forge({ range: { fromMs: 0, toMs: 2 ** 52 } }),
		])
			expect(() => decodeCursor(text, 'q')).toThrow(Failure);
	});

	test('that nobody gave out is refused and never thrown over', () => {
		const forged = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
		for (const text of [
			'',
			'x',
			'%%%',
			'a'.repeat(600),
			forged(null),
			forged([1, 'q', 1, 2, "0') OR 1=1 --", 'ab'.repeat(16)]),
			forged([2]),
		])
			expect(() => decodeCursor(text, 'q')).toThrow(Failure);
		fc.assert(
			fc.property(fc.string(), (text) => {
				expect(() => decodeCursor(text, 'q')).toThrow(Failure);
			}),
		);
	});
});
