import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nanosOfMs } from './plan.ts';
import { accepts, questionOf, slicesOf, type TraceSearch, type TraceSummaryRow, traceKeysPlan } from './trace-search.ts';

const RANGE = { fromMs: 1_700_000_000_000, toMs: 1_700_000_000_000 + 86_400_000 };
const byTime: TraceSearch = { range: RANGE, span: {}, sort: 'time' };

describe('slices', () => {
	test('a day is searched newest first in slices that grow eightfold', () => {
		const lengths = slicesOf(byTime).map(({ fromNs, toNs }) => Number(toNs - fromNs) / 60e9);
		expect(lengths.map(Math.round)).toEqual([23, 180, 1_238]);
	});

	test('sorted by duration everything is one slice', () => {
		expect(slicesOf({ ...byTime, sort: 'duration' })).toHaveLength(1);
	});

	test('meet without gap or overlap and cover exactly the range', () => {
		fc.assert(
			fc.property(fc.nat(4_000_000_000_000), fc.nat(400_000_000_000), (fromMs, lengthMs) => {
				const range = { fromMs, toMs: fromMs + lengthMs };
				const slices = slicesOf({ ...byTime, range });
				expect(slices[0]?.toNs).toBe(nanosOfMs(range.toMs) + 999_999n);
				expect(slices.at(-1)?.fromNs).toBe(nanosOfMs(range.fromMs));
				expect(slices.length).toBeLessThan(6);
				for (const [index, slice] of slices.entries()) {
					expect(slice.fromNs <= slice.toNs).toBe(true);
					if (index > 0) expect(slices[index - 1]?.fromNs).toBe(slice.toNs + 1n);
				}
			}),
		);
	});

	test('go on at the cursor, its own nanosecond included because other traces may share it', () => {
		const value = String(nanosOfMs(RANGE.fromMs) + 5n);
		expect(slicesOf(byTime, { value, traceId: '' })).toEqual([{ fromNs: nanosOfMs(RANGE.fromMs), toNs: BigInt(value) }]);
	});
});

describe('phase one', () => {
	const slice = { fromNs: 10n, toNs: 20n };

	test('without filters reads the summaries only', () => {
		const { sql, params } = traceKeysPlan(byTime, slice, 51);
		expect(sql).toBe(`SELECT lower(hex(trace_id)) AS traceId, toString(start_ns) AS value, toString(start_ns) AS startNs
FROM (
  SELECT
    trace_id,
    toUnixTimestamp64Nano(min(s.start_time)) AS start_ns,
    toUnixTimestamp64Nano(max(s.end_time)) - start_ns AS duration_ns
  FROM trace_summaries AS s
  WHERE s.start_time >= fromUnixTimestamp64Nano({from:Int64})
  AND s.start_time <= fromUnixTimestamp64Nano({to:Int64})
  GROUP BY trace_id
)

ORDER BY start_ns DESC, trace_id DESC
LIMIT {limit:UInt32}`);
		expect(params).toEqual({ from: 10n, to: 20n, limit: 51 });
	});

	test('span conditions stand in one subquery, so that one span must satisfy them all', () => {
		const { sql } = traceKeysPlan({ ...byTime, span: { service: 'orders', operation: 'GET /', status: 'error' } }, slice, 1);
		expect(sql).toContain(`trace_id IN (
    SELECT trace_id FROM spans
    WHERE start_time >= fromUnixTimestamp64Nano({from:Int64})
  AND start_time <= fromUnixTimestamp64Nano({spansTo:Int64})
  AND service_name = {service:String}
  AND name = {operation:String}
  AND status_code = 2
  )`);
	});

	test('what users write never becomes SQL', () => {
		const evil = "x') OR 1=1; DROP TABLE spans --";
		const search: TraceSearch = { ...byTime, span: { service: evil, operation: evil, attributes: [{ key: evil, value: evil }] } };
		const { sql, params } = traceKeysPlan(search, slice, 1, { value: '5', traceId: 'ab'.repeat(16) });
		expect(sql).not.toContain('DROP');
		expect(Object.values(params).filter((value) => value === evil)).toHaveLength(4);
		const named = new Set([...sql.matchAll(/\{(\w+):/g)].map((match) => match[1]));
		expect(new Set(Object.keys(params))).toEqual(named);
	});

	test('duration looks at parts an hour past the range, and at the whole trace after grouping', () => {
		const { sql, params } = traceKeysPlan({ ...byTime, sort: 'duration', minDurationNs: 1.5, maxDurationNs: 9.5 }, slice, 1);
		expect(traceKeysPlan({ ...byTime, minDurationNs: 1e300 }, slice, 1).params.minDuration).toBe(2n ** 63n - 1n);
		expect(params).toMatchObject({ minDuration: 2n, maxDuration: 9n, partsTo: nanosOfMs(RANGE.toMs + 3_600_000) + 999_999n });
		expect(sql).toContain(
			'WHERE start_ns <= {to:Int64}\n  AND duration_ns >= {minDuration:Int64}\n  AND duration_ns <= {maxDuration:Int64}',
		);
		expect(sql).toContain('ORDER BY duration_ns DESC, trace_id DESC');
	});
});

describe('phase two', () => {
	const slice = { fromNs: 100n, toNs: 200n };
	const summary = (startNs: string, durationNs = 10): TraceSummaryRow => ({
		traceId: 'a',
		startNs,
		endNs: '0',
		durationNs,
		spanCount: 1,
		errorCount: 0,
		rootMissing: 0,
		rootService: '',
		rootName: '',
		serviceSpans: {},
		serviceErrors: {},
	});
	const key = (value: string, startNs = value) => ({ value, startNs, traceId: 'a' });

	test('drops a trace that began before the slice and only has a part in it', () => {
		expect(accepts(byTime, slice, key('150'), summary('150'))).toBe(true);
		expect(accepts(byTime, slice, key('150'), summary('50'))).toBe(false);
	});

	test('drops a trace whose start moved since phase one: it is found further down', () => {
		expect(accepts(byTime, slice, key('150'), summary('140'))).toBe(false);
	});

	test('applies the duration limits to the complete trace', () => {
		const search: TraceSearch = { ...byTime, sort: 'duration', maxDurationNs: 20 };
		expect(accepts(search, slice, key('15', '150'), summary('150', 15))).toBe(true);
		expect(accepts(search, slice, key('15', '150'), summary('150', 25))).toBe(false);
	});
});

test('every filter is part of the question a cursor belongs to', () => {
	const questions = [
		byTime,
		{ ...byTime, sort: 'duration' as const },
		{ ...byTime, minDurationNs: 1 },
		{ ...byTime, span: { service: 'a' } },
		{ ...byTime, span: { operation: 'a' } },
		{ ...byTime, span: { status: 'ok' as const } },
		{ ...byTime, span: { attributes: [{ key: 'a', value: 'b' }] } },
	].map(questionOf);
	expect(new Set(questions).size).toBe(questions.length);
	expect(questionOf({ ...byTime, range: { fromMs: 0, toMs: 1 } })).toBe(questions[0]);
});
