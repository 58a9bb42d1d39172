import { describe, expect, test } from 'vitest';
import { parseJaegerSearch } from './jaeger-search.ts';

const NOW = 1_700_000_000_000;

describe("Jaeger's search parameters", () => {
	test('default to the last two days and a hundred traces', () => {
		expect(parseJaegerSearch({ service: 'a' }, NOW)).toMatchObject({
			range: { fromMs: NOW - 172_800_000, toMs: NOW },
			limit: 100,
			traceIds: [],
			span: { service: 'a' },
		});
	});

	test('times are microseconds, widened to whole milliseconds', () => {
		expect(parseJaegerSearch({ start: '1699999999999999', end: '1700000000000001' }, NOW).range).toEqual({
			fromMs: 1_699_999_999_999,
			toMs: 1_700_000_000_001,
		});
	});

	test('lookback counts back from the end', () => {
		expect(parseJaegerSearch({ lookback: '1h' }, NOW).range).toEqual({ fromMs: NOW - 3_600_000, toMs: NOW });
		expect(parseJaegerSearch({ lookback: 'custom' }, NOW).range.fromMs).toBe(NOW - 172_800_000);
	});

	test('durations are of the matching span', () => {
		expect(parseJaegerSearch({ minDuration: '1.5ms', maxDuration: '2s' }, NOW).span).toMatchObject({
			minSpanDurationNs: 1_500_000,
			maxSpanDurationNs: 2e9,
		});
	});

	test('tags come as JSON or as key:value and may hold colons', () => {
		const { span } = parseJaegerSearch({ tag: ['url:http://x/', 'b:1'], tags: ['{"b":"2","n":3}'] }, NOW);
		expect(span.attributes).toEqual([
			{ key: 'url', value: 'http://x/' },
			{ key: 'b', value: '2' },
			{ key: 'n', value: '3' },
		]);
	});

	test('what OTLP keeps in fields is searched in them', () => {
		expect(parseJaegerSearch({ tags: ['{"error":"true","span.kind":"server"}'] }, NOW).span).toMatchObject({
			status: 'error',
			kind: 2,
			attributes: [],
		});
		expect(parseJaegerSearch({ tags: ['{"error":true}'] }, NOW).span.status).toBe('error');
		expect(parseJaegerSearch({ tags: ['{"error":"false"}'] }, NOW).span).toMatchObject({
			status: undefined,
			attributes: [{ key: 'error', value: 'false' }],
		});
	});

	test('trace ids may lack leading zeros', () => {
		expect(parseJaegerSearch({ traceID: ['abc'] }, NOW).traceIds).toEqual([`${'0'.repeat(29)}abc`]);
	});

	test('a limit of any length is cut to what one answer holds', () => {
		expect(parseJaegerSearch({ limit: '99999999999' }, NOW).limit).toBe(1_500);
	});

	test.each([
		[{ start: 'now' }, "unable to parse param 'start'"],
		[{ start: '2000000', end: '1000000' }, 'start time must be before end time'],
		[{ minDuration: 'fast' }, "unable to parse param 'minDuration'"],
		[{ minDuration: '2s', maxDuration: '1s' }, "'maxDuration' should be greater than 'minDuration'"],
		[{ limit: '0' }, 'limit must be greater than 0'],
		[{ tag: ['nocolon'] }, "malformed 'tag' parameter"],
		[{ tags: ['{'] }, "malformed 'tags' parameter"],
		[{ tags: ['[1]'] }, "malformed 'tags' parameter"],
		[{ tags: ['{"a":{}}'] }, "malformed 'tags' parameter"],
		[{ tags: ['{"span.kind":"sideways"}'] }, 'unsupported span kind'],
		[{ traceID: ['xyz'] }, 'cannot parse traceID param'],
	])('%j is refused', (params, message) => {
		expect(() => parseJaegerSearch(params, NOW)).toThrow(message);
	});
});
