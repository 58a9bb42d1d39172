import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TraceSearchResponse } from '../../src/api/contract.ts';
import { hoursAgo, traceId, traces } from './otlp.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';

let platform: TestPlatform;
const TO = hoursAgo(10);
const FROM = TO - 6 * 3_600_000;
const COUNT = 1_000;
const name = (index: number) => `t${String(index).padStart(5, '0')}`;

/** A thousand traces over six hours, seven on each of their instants and durations, so that most keys are ties. */
beforeAll(async () => {
	platform = await startTestPlatform();
	const spans = Array.from({ length: COUNT }, (_, index) => ({
		trace: name(index),
		id: `s${index}`,
		service: index % 2 === 0 ? 'even' : 'odd',
		startMs: FROM + Math.floor(index / 7) * 150_000,
		durationMs: 10 + (Math.floor(index / 7) % 20),
	}));
	for (let start = 0; start < COUNT; start += 250) await platform.ingestTraces(traces(...spans.slice(start, start + 250)));
});
afterAll(async () => await platform[Symbol.asyncDispose]());

async function readAll(
	query: string,
	limit: number,
	between: (page: number) => Promise<void> = () => Promise.resolve(),
): Promise<TraceSearchResponse['traces']> {
	const rows: TraceSearchResponse['traces'] = [];
	let cursor: string | null = null;
	for (let page = 0; page === 0 || cursor !== null; page++) {
		const url: string = `/api/v1/traces?${query}&limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`;
		const answer: TraceSearchResponse = await platform.get(url);
		expect(answer.traces.length).toBe(answer.nextCursor === null ? answer.traces.length : limit);
		rows.push(...answer.traces);
		cursor = answer.nextCursor;
		if (page > COUNT) throw new Error('paging does not end');
		await between(page);
	}
	return rows;
}

const ALL = new Set(Array.from({ length: COUNT }, (_, index) => traceId(name(index))));

describe.each(['time', 'duration'])('paging by %s', (sort) => {
	test.each([29, 100, 500])('in pages of %d loses and repeats nothing', async (limit) => {
		const rows = await readAll(`from=${FROM}&to=${TO}&sort=${sort}`, limit);
		expect(rows).toHaveLength(COUNT);
		expect(new Set(rows.map((row) => row.traceId))).toEqual(ALL);
		const keys = rows.map((row) => (sort === 'time' ? BigInt(row.startNs) : BigInt(row.durationNs)));
		for (let index = 1; index < keys.length; index++) {
			expect((keys[index] ?? 0n) <= (keys[index - 1] ?? 0n)).toBe(true);
			if (keys[index] === keys[index - 1]) expect((rows[index]?.traceId ?? '') < (rows[index - 1]?.traceId ?? '')).toBe(true);
		}
	});

	test('the order does not depend on the page size', async () => {
		const small = await readAll(`from=${FROM}&to=${TO}&sort=${sort}&service=odd`, 41);
		const large = await readAll(`from=${FROM}&to=${TO}&sort=${sort}&service=odd`, 500);
		expect(small.map((row) => row.traceId)).toEqual(large.map((row) => row.traceId));
		expect(large).toHaveLength(COUNT / 2);
	});
});

test('traces that arrive meanwhile, before and behind the cursor and beyond the range, disturb nobody', async () => {
	let arrivals = 0;
	const seen = (
		await readAll(`from=${FROM}&to=${TO}`, 100, async (page) => {
			const spans = [TO + 1_000 + page, TO - 1, FROM + page * 600_000].map((startMs) => ({
				trace: `new${++arrivals}`,
				id: `n${arrivals}`,
				service: 'new',
				startMs,
				durationMs: 1,
			}));
			await platform.ingestTraces(traces(...spans));
		})
	).map((row) => row.traceId);
	expect(new Set(seen).size).toBe(seen.length);
	expect([...ALL].filter((id) => !seen.includes(id))).toEqual([]);
});

test('a relative range is frozen by the first page', async () => {
	const now = Date.now();
	await platform.ingestTraces(
		traces(...[1, 2, 3].map((index) => ({ trace: `now${index}`, id: `w${index}`, service: 'now', startMs: now - index * 1_000 }))),
	);
	const first: TraceSearchResponse = await platform.get('/api/v1/traces?service=now&limit=2');
	await platform.ingestTraces(traces({ trace: 'now4', id: 'w4', service: 'now', startMs: Date.now() }));
	const second: TraceSearchResponse = await platform.get(`/api/v1/traces?service=now&limit=2&cursor=${first.nextCursor}`);
	expect(second.meta.toMs).toBe(first.meta.toMs);
	expect([...first.traces, ...second.traces].map((row) => row.traceId)).toEqual(['now1', 'now2', 'now3'].map(traceId));
});

test('a cursor is good for its own search only', async () => {
	const { nextCursor } = await platform.get<TraceSearchResponse>(`/api/v1/traces?from=${FROM}&to=${TO}&limit=1`);
	const answer = await platform.app.inject(`/api/v1/traces?limit=1&service=odd&cursor=${nextCursor}`);
	expect([answer.statusCode, answer.body]).toEqual([400, expect.stringContaining('another search')]);
});
