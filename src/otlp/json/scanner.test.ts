import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteSource } from '../../base/byte-buffer.ts';
import { toBigInt64, toBigUint64 } from '../../base/int64.ts';
import { utf8Bytes, utf8Text } from '../../base/utf8.ts';
import { type IntegerRange, JsonScanner } from './scanner.ts';

function scan<T>(text: string, read: (scanner: JsonScanner) => T): T {
	const scanner = new JsonScanner(new ByteSource(utf8Bytes(text)));
	const value = read(scanner);
	scanner.finish();
	return value;
}

function readString(scanner: JsonScanner): string {
	scanner.string();
	return utf8Text(scanner.text.bytes, scanner.textStart, scanner.textEnd);
}

function integer(text: string, range: IntegerRange): bigint {
	return scan(text, (scanner) => {
		scanner.integer(range);
		return range === 'uint64' || range === 'uint32' ? toBigUint64(scanner.lo, scanner.hi) : toBigInt64(scanner.lo, scanner.hi);
	});
}

test('skips any JSON value, and only JSON values', () => {
	fc.assert(fc.property(fc.json(), (text) => scan(` ${text}\n`, (scanner) => scanner.skip(0))));
	for (const text of [
		'',
		'{',
		'[1,]',
		'{"a":1,}',
		'{"a" 1}',
		'nul',
		'01',
		'1.',
		'"a',
		'"\\x"',
		'"\\u12g4"',
		'"\n"',
		'[1] 2',
		'{a:1}',
		"'a'",
		'.5',
		'-',
		'+1',
	])
		expect(() => scan(text, (scanner) => scanner.skip(0)), text).toThrow(expect.objectContaining({ code: 'malformed' }));
});

test('refuses what nests without end before the stack does', () => {
	expect(() => scan('['.repeat(1_000_000), (scanner) => scanner.skip(0))).toThrow('nest deeper');
});

test('strings mean what JSON.parse says, escaped or not', () => {
	const escaped = (text: string) =>
		`"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), (text) => {
			for (const json of [JSON.stringify(text), escaped(text)]) expect(scan(json, readString)).toBe(text.toWellFormed());
		}),
	);
	expect(scan('"\\ud83d\\ude00 \\ud83d \\/"', readString)).toBe('😀 \ufffd /');
});

describe('integers', () => {
	test('keep every digit, bare or quoted', () => {
		fc.assert(
			fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
				expect(integer(String(value), 'int64')).toBe(value);
				expect(integer(`"${value}"`, 'int64')).toBe(value);
				expect(integer(String(BigInt.asUintN(64, value)), 'uint64')).toBe(BigInt.asUintN(64, value));
			}),
		);
	});

	test.each([
		['1e3', 'int64', 1000n],
		['"15.0"', 'int64', 15n],
		['-0', 'uint64', 0n],
		['"-2147483648"', 'int32', -(2n ** 31n)],
		['4294967295', 'uint32', 2n ** 32n - 1n],
	] as const)('%s is a whole %s', (text, range, value) => {
		expect(integer(text, range)).toBe(value);
	});

	test.each([
		['9223372036854775808', 'int64'],
		['18446744073709551616', 'uint64'],
		['99999999999999999999999', 'uint64'],
		['-1', 'uint64'],
		['2147483648', 'int32'],
		['-1', 'uint32'],
		['1.5', 'int64'],
		['""', 'int64'],
		['" 1"', 'int64'],
		['"1', 'int64'],
		['"0x10"', 'int64'],
		['true', 'int64'],
		['1e300', 'int64'],
	] as const)('%s is no %s', (text, range) => {
		expect(() => integer(text, range)).toThrow(expect.objectContaining({ code: 'malformed' }));
	});
});

test('doubles may be numbers, texts of numbers, or the names of what is no number', () => {
	const double = (text: string) => scan(text, (scanner) => scanner.double());
	expect(['1.5', '"1.5"', '-0', '"-0"', '"NaN"', '"Infinity"', '"-Infinity"', '1e400'].map(double)).toEqual([
		1.5,
		1.5,
		-0,
		-0,
		Number.NaN,
		Number.POSITIVE_INFINITY,
		Number.NEGATIVE_INFINITY,
		Number.POSITIVE_INFINITY,
	]);
	for (const text of ['NaN', '""', '"x"', '"0x1"', '"+Infinity"', 'null', '" 1 "'])
		expect(() => double(text), text).toThrow(expect.objectContaining({ code: 'malformed' }));
});
