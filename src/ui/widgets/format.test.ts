import { describe, expect, test } from 'vitest';
import {
	axisTime,
	bytes,
	count,
	counted,
	dateTimeNs,
	duration,
	exactDuration,
	msOfNs,
	percent,
	type Quantity,
	rate,
	relativeTime,
	shortId,
	significant,
	text,
} from './format.ts';

const plain = (quantity: Quantity): string => text(quantity).replaceAll('\u202f', ' ');

describe('at most three significant digits', () => {
	test.each([
		[0, '0'],
		[12.4, '12.4'],
		[12.04, '12'],
		[0.314159, '0.314'],
		[0.0031, '0.0031'],
		[123.456, '123'],
		[1234, '1234'],
		[-1.005, '-1'],
		[1e-12, '0'],
	])('%d is %s', (value, expected) => expect(significant(value)).toBe(expected));
});

describe('durations', () => {
	test.each([
		[0, '0 ns'],
		[850, '850 ns'],
		[999.4, '999 ns'],
		[999.6, '1 µs'],
		[12_345, '12.3 µs'],
		[999_600, '1 ms'],
		[12_400_000, '12.4 ms'],
		[1_500_000_000, '1.5 s'],
		[59_990_000_000, '1 min'],
		[61_000_000_000, '1 min 1 s'],
		[3_599_900_000_000, '1 h'],
		[5_400_000_000_000, '1 h 30 min'],
		[-2_000_000, '-2 ms'],
	])('%d ns reads %s', (ns, expected) => expect(plain(duration(ns))).toBe(expected));

	test('hover keeps every nanosecond', () => expect(exactDuration(12_345_678).replaceAll('\u202f', ' ')).toBe('12 345 678 ns'));
});

test('counts stay exact below a thousand', () => {
	expect([7, 999, 1000, 1234, 999_600, 12_400_000].map((value) => plain(count(value)))).toEqual([
		'7',
		'999',
		'1 k',
		'1.23 k',
		'1 M',
		'12.4 M',
	]);
});

test('rates, percentages and bytes carry a thin unit', () => {
	expect(plain(rate(1200))).toBe('1.2 k/s');
	expect(plain(rate(0.033))).toBe('0.033 /s');
	expect(plain(percent(0.0031))).toBe('0.31 %');
	expect(plain(percent(1))).toBe('100 %');
	expect(plain(bytes(1536))).toBe('1.5 KiB');
});

test('ids lose their middle, not their ends', () => {
	expect(shortId('4bf92f3577b34da6a3ce929d0e0e4736')).toBe('4bf92f35…0e4736');
	expect(shortId('00f067aa')).toBe('00f067aa');
});

test('relative times use one unit and know the future', () => {
	const now = 1_000_000_000;
	const at = (seconds: number) => relativeTime(now - seconds * 1000, now).replaceAll('\u202f', ' ');
	expect([0, 12, 59, 61, 3600, 90_000, -300].map(at)).toEqual([
		'now',
		'12 s ago',
		'59 s ago',
		'1 min ago',
		'1 h ago',
		'1 d ago',
		'in 5 min',
	]);
});

test('absolute times keep all nine digits', () => {
	const ns = '1764000000123456789';
	expect(dateTimeNs(ns)).toMatch(/^2025-11-2\d \d\d:\d\d:\d\d\.123456789$/);
	expect(msOfNs(ns)).toBe(1_764_000_000_123);
});

test('time axes say seconds only when short and the day only when long', () => {
	const noon = new Date(2026, 10, 24, 12, 5, 9).getTime();
	expect([5000, 60_000, 3_600_000, 86_400_000 * 3].map((axisMs) => axisTime(noon, axisMs))).toEqual([
		'12:05:09.0',
		'12:05:09',
		'12:05',
		'11-24 12:05',
	]);
});

test('a count agrees with its noun', () => {
	expect(counted(1, 'span')).toBe('1 span');
	expect(counted(2, 'span')).toBe('2 spans');
	expect(counted(2, 'query', 'queries')).toBe('2 queries');
});
