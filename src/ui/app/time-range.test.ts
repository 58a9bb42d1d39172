import { describe, expect, test } from 'vitest';
import {
	DEFAULT_RANGE,
	lastToken,
	parseDateTime,
	parseLast,
	readTimeRange,
	resolveRange,
	type TimeRange,
	writeTimeRange,
	zoomOut,
} from './time-range.ts';

const read = (query: string): TimeRange => readTimeRange(new URLSearchParams(query));

describe('tokens', () => {
	test.each([
		['5m', 300_000],
		['90 min', 5_400_000],
		['2h', 7_200_000],
		['7d', 604_800_000],
		['30s', 30_000],
	])('%s', (token, expected) => expect(parseLast(token)).toBe(expected));
	test.each(['', '0m', '5', 'h', '5y', '-5m', '91d', '1.5h'])('%j is no span of time', (token) => expect(parseLast(token)).toBeUndefined());
	test('the shortest token is written', () => {
		expect([5_400_000, 7_200_000, 86_400_000, 30_000].map(lastToken)).toEqual(['90m', '2h', '1d', '30s']);
	});
});

test('absolute times as people type them', () => {
	const noon = new Date(2026, 10, 24, 12, 5, 9).getTime();
	expect(parseDateTime('2026-11-24 12:05:09')).toBe(noon);
	expect(parseDateTime(' 2026-11-24T12:05 ')).toBe(noon - 9000);
	expect(parseDateTime('2026-11-24T12:05:09Z')).toBe(Date.UTC(2026, 10, 24, 12, 5, 9));
	for (const text of ['', 'yesterday', '2026-02-31 10:00', '2026-11-24 25:00', '24.11.2026 10:00'])
		expect(parseDateTime(text)).toBeUndefined();
});

test('every range survives the URL', () => {
	for (const range of [
		{ kind: 'relative', lastMs: 3_600_000 },
		{ kind: 'relative', lastMs: 900_000 },
		{ kind: 'absolute', fromMs: 1_764_000_000_000, toMs: 1_764_000_060_000 },
	] satisfies TimeRange[]) {
		const params = new URLSearchParams('service=orders&last=7d');
		writeTimeRange(params, range);
		expect(readTimeRange(params)).toEqual(range);
		expect(params.get('service')).toBe('orders');
	}
});

test('a broken link falls back instead of failing', () => {
	for (const query of ['from=2&to=1', 'from=x&to=y', 'last=soon', 'from=5']) expect(read(query)).toEqual(DEFAULT_RANGE);
});

test('people may write ISO times', () => {
	expect(read('from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z')).toEqual({
		kind: 'absolute',
		fromMs: 1_767_225_600_000,
		toMs: 1_767_229_200_000,
	});
});

test('relative ranges end now; zooming out doubles around the middle', () => {
	expect(resolveRange({ kind: 'relative', lastMs: 1000 }, 5000)).toEqual({ fromMs: 4000, toMs: 5000 });
	expect(zoomOut({ kind: 'absolute', fromMs: 10_000, toMs: 20_000 })).toEqual({ kind: 'absolute', fromMs: 5000, toMs: 25_000 });
	expect(zoomOut({ kind: 'relative', lastMs: 1000 })).toEqual({ kind: 'relative', lastMs: 2000 });
});
