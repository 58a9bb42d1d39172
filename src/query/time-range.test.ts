import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../base/errors.ts';
import { resolveRange, stepsOf } from './time-range.ts';

const NOW = Date.parse('2026-03-01T12:00:30.500Z');
const HOUR = 3_600_000;

describe('the range of a question', () => {
	test('is the last hour unless told otherwise', () => {
		expect(resolveRange(undefined, undefined, NOW)).toEqual({ fromMs: NOW - HOUR, toMs: NOW });
		expect(resolveRange(undefined, NOW - HOUR, NOW)).toEqual({ fromMs: NOW - 2 * HOUR, toMs: NOW - HOUR });
		expect(resolveRange(5, undefined, NOW)).toEqual({ fromMs: 5, toMs: NOW });
	});

	test('upside down is refused, and so is a time in microseconds taken for milliseconds', () => {
		expect(() => resolveRange(NOW, NOW - 1, NOW)).toThrow(Failure);
		expect(() => resolveRange(undefined, NOW * 1_000, NOW)).toThrow('2200');
	});
});

describe('the steps of a series', () => {
	test.each([
		[15 * 60_000, 60_000, 16],
		[HOUR, 120_000, 31],
		[24 * HOUR, 1_800_000, 49],
		[0, 60_000, 1],
	])('%d ms is cut into steps of %d ms', (lengthMs, stepMs, count) => {
		expect(stepsOf({ fromMs: NOW - lengthMs, toMs: NOW })).toMatchObject({ stepMs, count });
	});

	test('cover the whole range in at most 60', () => {
		fc.assert(
			fc.property(fc.nat(7_000_000_000_000), fc.nat(7_000_000_000_000), (a, b) => {
				const range = { fromMs: Math.min(a, b), toMs: Math.max(a, b) };
				const { startMs, stepMs, count } = stepsOf(range);
				expect(count).toBeLessThanOrEqual(60);
				expect(startMs).toBeLessThanOrEqual(range.fromMs);
				expect(range.fromMs - startMs).toBeLessThan(stepMs);
				expect(startMs + count * stepMs).toBeGreaterThan(range.toMs);
				expect(startMs + (count - 1) * stepMs).toBeLessThanOrEqual(range.toMs);
				expect(stepMs % 60_000).toBe(0);
			}),
		);
	});
});
