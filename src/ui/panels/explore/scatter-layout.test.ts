import { expect, test } from 'vitest';
import type { TraceSummary } from '../../../api/contract.ts';
import { axisFromMs, boxOf, dotAt, dotsOf, plotOf, unfetchedOf } from './scatter-layout.ts';

const trace = (traceId: string, startMs: number, durationNs: number): TraceSummary => ({
	traceId,
	startNs: `${startMs}000000`,
	durationNs,
	spanCount: 4,
	errorCount: 0,
	rootService: 'orders',
	rootName: 'GET',
	rootMissing: false,
	services: [],
});
const area = { left: 50, top: 10, width: 100, height: 100 };
const traces = [trace('a', 1000, 1_000_000), trace('b', 2000, 50_000_000)];
const plot = plotOf(traces, area, 1000, 2000);

test('the scale ends at powers of ten, time at the range', () => {
	expect([plot.minNs, plot.maxNs]).toEqual([1_000_000, 100_000_000]);
	const [a, b] = dotsOf(traces, plot);
	expect([a?.x, a?.y]).toEqual([50, 110]);
	expect(b?.x).toBe(150);
	expect(b?.y).toBeCloseTo(10 + 100 * (1 - Math.log10(50) / 2));
});

test('the nearest dot within reach is hit, none beyond', () => {
	const dots = dotsOf(traces, plot);
	expect(dotAt(dots, 52, 108)?.trace.traceId).toBe('a');
	expect(dotAt(dots, 100, 60)).toBeUndefined();
});

test('what is not fetched lies before the oldest or below the shortest', () => {
	const later = plotOf(traces, area, 0, 2000);
	const dots = dotsOf(traces, later);
	expect(unfetchedOf(dots, later, 'time')).toMatchObject({ beforeX: 100 - (dots[0]?.radius ?? 0), belowY: 110 });
	expect(unfetchedOf(dots, later, 'duration')).toMatchObject({ beforeX: 50, belowY: 110 });
	expect(unfetchedOf([], later, 'time')).toBeUndefined();
});

test('the newest of many are looked at closely, all of few over the whole range', () => {
	const newest = [trace('a', 90_000, 1e6), trace('b', 100_000, 1e6)];
	expect(axisFromMs(newest, 0, 100_000, true, 'time')).toBe(0);
	expect(axisFromMs(newest, 0, 100_000, false, 'time')).toBe(89_400);
	expect(axisFromMs(newest, 89_900, 100_000, false, 'time')).toBe(89_900);
	expect(axisFromMs(newest, 0, 100_000, false, 'duration')).toBe(0);
});

test('a drawn box becomes time and duration, whichever corner came first', () => {
	const box = boxOf(plot, 150, 10, 100, 60);
	expect(box).toEqual({ fromMs: 1500, toMs: 2000, minDurationMs: 10, maxDurationMs: 100 });
	expect(boxOf(plot, 100, 60, 150, 10)).toEqual(box);
});

test('traces without duration still have a place', () => {
	const flat = plotOf([trace('z', 1000, 0)], area, 1000, 2000);
	expect(dotsOf([trace('z', 1000, 0)], flat)[0]?.y).toBe(110);
});
