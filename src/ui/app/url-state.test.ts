import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TraceFilter } from '../data/queries.ts';
import {
	DOCK_TABS,
	NO_FILTER,
	parseDurationMs,
	readTraceFilter,
	readTraceState,
	type TraceState,
	writeTraceFilter,
	writeTraceState,
} from './url-state.ts';

const through = (params: URLSearchParams): URLSearchParams => new URLSearchParams(params.toString());

test('every filter survives the URL and leaves the time range alone', () => {
	const filter = fc.record({
		service: fc.string(),
		operation: fc.string(),
		status: fc.constantFrom('', 'ok', 'error'),
		minDurationMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }).map(Math.abs), { nil: undefined }),
		maxDurationMs: fc.option(fc.nat(), { nil: undefined }),
		attributes: fc.uniqueArray(
			fc
				.tuple(
					fc.string({ minLength: 1 }).filter((key) => !key.startsWith('=')),
					fc.string(),
				)
				.map(([key, value]) => `${key}=${value}`),
		),
		sort: fc.constantFrom('time', 'duration'),
	}) satisfies fc.Arbitrary<TraceFilter>;
	fc.assert(
		fc.property(filter, (one) => {
			const params = new URLSearchParams('last=7d&service=old&attribute=old%3D1');
			writeTraceFilter(params, one);
			expect(readTraceFilter(through(params))).toEqual(one);
			expect(params.get('last')).toBe('7d');
		}),
	);
});

test('no filter leaves no trace in the URL', () => {
	const params = new URLSearchParams('status=error&min=5&attribute=a%3D1&sort=duration');
	writeTraceFilter(params, NO_FILTER);
	expect(params.toString()).toBe('');
});

test('every state of the trace page survives the URL', () => {
	const hex = (length: number) =>
		fc
			.array(
				fc.nat(15).map((digit) => digit.toString(16)),
				{ minLength: length, maxLength: length },
			)
			.map((digits) => digits.join(''));
	const state = fc.record({
		view: fc.constantFrom('waterfall', 'logs'),
		span: fc.oneof(fc.constant(''), hex(16)),
		tab: fc.constantFrom(...DOCK_TABS),
		filter: fc.string(),
		collapsed: fc.array(hex(8), { maxLength: 20 }),
		window: fc.option(
			fc.tuple(fc.nat(), fc.integer({ min: 1, max: 1e9 })).map(([from, width]) => ({ from, to: from + width })),
			{ nil: undefined },
		),
		criticalPath: fc.boolean(),
	}) satisfies fc.Arbitrary<TraceState>;
	fc.assert(
		fc.property(state, (one) => {
			const params = new URLSearchParams();
			writeTraceState(params, one);
			expect(readTraceState(through(params))).toEqual(one);
		}),
	);
});

test('a broken link opens the page in its default state', () => {
	const params = new URLSearchParams('span=xyz&tab=nothing&zoom=9-3&closed=..zz&view=x');
	expect(readTraceState(params)).toEqual(readTraceState(new URLSearchParams()));
	expect(readTraceFilter(new URLSearchParams('status=maybe&min=-1&attribute=novalue'))).toEqual(NO_FILTER);
});

describe('durations as people type them', () => {
	test.each([
		['250', 250],
		['250ms', 250],
		['1.5 s', 1500],
		['2m', 120_000],
		['100µs', 0.1],
		['5 US', 0.005],
	])('%s', (text, expected) => expect(parseDurationMs(text)).toBe(expected));
	test.each(['', 'fast', '-5', '5h5'])('%j is none', (text) => expect(parseDurationMs(text)).toBeUndefined());
});
