import { expect, test } from 'vitest';
import { rowRange } from './use-row-range.ts';

test('the range covers the view and moves in steps', () => {
	expect(rowRange(0, 660, 20_000)).toEqual({ first: 0, last: 48 });
	expect(rowRange(21, 660, 20_000)).toEqual(rowRange(1, 660, 20_000));
	const { first, last } = rowRange(220_000, 660, 20_000);
	expect(first).toBeLessThanOrEqual(10_000 - 16);
	expect(last).toBeGreaterThanOrEqual(10_030 + 16);
	expect(last - first).toBeLessThan(100);
});

test('it never leaves the rows', () => {
	expect(rowRange(0, 660, 5)).toEqual({ first: 0, last: 5 });
	expect(rowRange(440_000, 660, 20_000).last).toBe(20_000);
});
