import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../base/errors.ts';
import { SPANS } from '../model/schema.ts';
import { Store } from './client.ts';
import { type EngineFixture, madeUpSpans, nativeBytes, selectColumns, startFixture } from './engine-fixture.ts';
import { load } from './load.ts';

const ROWS = 16_000;
const KILLS = 20;
/** Twenty minutes before an hour's end: 2000 traces at one a second reach into the next partition. */
const START = 1_790_002_800 - 1_200;

interface Counts {
	readonly spans: number;
	readonly traces: number;
	readonly summarised: number;
	readonly summarisedByService: number;
	readonly calls: number;
	readonly bucketed: number;
	readonly serviceCalls: number;
	readonly serviceBucketed: number;
}

describe('loading segments into a real engine', () => {
	let fixture: EngineFixture;
	let segment: Uint8Array;

	beforeAll(async () => {
		fixture = await startFixture({ backoff: { firstMs: 1, maxMs: 1, healthyMs: 0 } });
		const { expressions, source } = madeUpSpans(ROWS, START, 1);
		segment = await nativeBytes(fixture.engine, selectColumns(SPANS, expressions, source));
	});
	afterAll(async () => {
		await fixture[Symbol.asyncDispose]();
	});

	const counts = async (): Promise<Counts> => {
		const answer = await fixture.store.query<Counts>(`SELECT
			(SELECT count() FROM spans) AS spans,
			(SELECT count() FROM traces) AS traces,
			(SELECT sum(span_count) FROM traces) AS summarised,
			(SELECT sum(arraySum(mapValues(service_spans))) FROM traces) AS summarisedByService,
			(SELECT sum(calls) FROM span_rollup) AS calls,
			(SELECT sum(arraySum(mapValues(latency))) FROM span_rollup) AS bucketed,
			(SELECT sum(calls) FROM service_rollup) AS serviceCalls,
			(SELECT sum(arraySum(mapValues(latency))) FROM service_rollup) AS serviceBucketed`);
		return answer.rows[0] as Counts;
	};
	const expected = (segments: number): Counts => {
		const spans = segments * ROWS;
		return {
			spans,
			traces: ROWS / 8,
			summarised: spans,
			summarisedByService: spans,
			calls: spans,
			bucketed: spans,
			serviceCalls: spans,
			serviceBucketed: spans,
		};
	};

	test('a segment is one part in each partition, and loading it again changes nothing', async () => {
		await load(fixture.store, SPANS, [segment], 'first');
		expect(await counts()).toEqual(expected(1));
		const parts = await fixture.store.query<{ partition: string; parts: number }>(
			"SELECT partition, count() AS parts FROM system.parts WHERE database = 'throughline' AND table = 'spans_live' AND level = 0 GROUP BY partition",
		);
		expect(parts.rows.map((row) => row.parts)).toEqual([1, 1]);
		await load(fixture.store, SPANS, [segment], 'first');
		expect(await counts()).toEqual(expected(1));
	});

	test('a segment that comes as many blocks is still one block for the tables', async () => {
		const before = await counts();
		const third = madeUpSpans(ROWS, START, 1);
		const blocks = await Promise.all(
			[0, 1, 2, 3].map((part) =>
				nativeBytes(fixture.engine, selectColumns(SPANS, third.expressions, `numbers(${(part * ROWS) / 4}, ${ROWS / 4})`)),
			),
		);
		for (let times = 0; times < 2; times++) await load(fixture.store, SPANS, blocks, 'blocks');
		const after = await counts();
		expect(after.spans - before.spans).toBe(ROWS);
		expect(after).toEqual(expected(2));
	});

	test('a view that fails after the spans were written is made up for by the next load', async () => {
		const before = await counts();
		await fixture.store.command('CREATE TABLE trap (x UInt8) ENGINE = MergeTree ORDER BY x');
		await fixture.store.command("CREATE MATERIALIZED VIEW trap_view TO trap AS SELECT throwIf(count() > 0, 'trap') AS x FROM spans_live");
		await expect(load(fixture.store, SPANS, [segment], 'trapped')).rejects.toBeInstanceOf(Failure);
		await fixture.store.command('DROP TABLE trap_view SYNC');
		await fixture.store.command('DROP TABLE trap SYNC');
		await load(fixture.store, SPANS, [segment], 'trapped');
		expect((await counts()).calls - before.calls).toBe(ROWS);
		expect(await counts()).toEqual(expected(3));
	});

	test('a load waits out the death of the engine and counts once', async () => {
		const before = await counts();
		const loading = load(fixture.store, SPANS, [segment], 'patient');
		process.kill(fixture.engine.pid as number, 'SIGKILL');
		await loading;
		expect(await counts()).toEqual(expected(before.spans / ROWS + 1));
	});

	test(`${KILLS} loads, each with the engine killed at a random moment and loaded again, count once each`, async () => {
		const first = await counts();
		let typicalMs = Number.POSITIVE_INFINITY;
		for (const token of ['timing-1', 'timing-2', 'timing-3']) {
			const begun = performance.now();
			await load(fixture.store, SPANS, [segment], token);
			typicalMs = Math.min(typicalMs, performance.now() - begun);
		}
		const base = first.spans / ROWS + 3;
		// A store that does not wait out the restart by itself.
		await using hasty = new Store({ target: { kind: 'embedded', engine: fixture.engine }, database: 'throughline', waitForEngineMs: 0 });
		let interrupted = 0;
		let partial = 0;
		for (let round = 1; round <= KILLS; round++) {
			const token = `kill-${round}`;
			const delayMs = Math.random() * typicalMs * 1.1;
			const loading = load(hasty, SPANS, [segment], token).then(
				() => 0,
				() => 1,
			);
			await sleep(delayMs);
			process.kill(fixture.engine.pid as number, 'SIGKILL');
			interrupted += await loading;
			const left = await counts();
			const nothing = JSON.stringify(left) === JSON.stringify(expected(base + round - 1));
			const everything = JSON.stringify(left) === JSON.stringify(expected(base + round));
			if (!nothing && !everything) partial++;
			await load(fixture.store, SPANS, [segment], token);
			expect(await counts(), `round ${round}, killed after ${delayMs.toFixed(1)} of ${typicalMs.toFixed(1)} ms`).toEqual(
				expected(base + round),
			);
		}
		console.log(`${KILLS} kills: ${interrupted} interrupted a load, ${partial} left it half done`);
		expect(interrupted).toBeGreaterThan(0);
		expect(fixture.engine.restarts).toBeGreaterThanOrEqual(KILLS);
	}, 400_000);
});
