import { expect, test } from 'vitest';
import { TILE_ROWS, tileRange } from './use-tile-range.ts';

test('the tiles cover the view and one beyond each edge', () => {
	expect(tileRange(0, 660, 20_000)).toEqual({ first: 0, last: 3 });
	expect(tileRange(21, 660, 20_000)).toEqual(tileRange(1, 660, 20_000));
	const { first, last } = tileRange(220_000, 660, 20_000);
	expect(first * TILE_ROWS).toBeLessThanOrEqual(10_000 - TILE_ROWS);
	expect(last * TILE_ROWS).toBeGreaterThanOrEqual(10_030 + TILE_ROWS);
	expect(last - first).toBeLessThan(7);
});

test('they never leave the rows', () => {
	expect(tileRange(0, 660, 5)).toEqual({ first: 0, last: 1 });
	expect(tileRange(0, 660, 0)).toEqual({ first: 0, last: 0 });
	expect(tileRange(440_000, 660, 20_000).last).toBe(1250);
});
