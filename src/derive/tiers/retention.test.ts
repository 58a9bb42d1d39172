/** What is deleted from a real engine, when, and that it is counted. */

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Labels, Metrics } from '../../base/metrics.ts';
import { noMetrics } from '../../base/metrics.ts';
import { LOGS, SPANS } from '../../model/schema.ts';
import { type EngineFixture, startFixture } from '../../store/engine-fixture.ts';
import { tiersJob } from './job.ts';
import { readPartitions } from './partitions.ts';
import { FIRST_HOUR, HOUR_S, TiersFixture } from './tiers-fixture.ts';

const ROWS = 2_000;
const DAY_S = 24 * HOUR_S;

let engine: EngineFixture;
let tiers: TiersFixture;
let dropped: Record<string, number>;

const metrics: Metrics = {
	...noMetrics,
	counter: (name) => ({
		add(count: number, { table, reason }: Labels = {}) {
			if (name !== 'throughline_store_dropped_rows_total') return;
			const key = `${table} ${reason}`;
			dropped[key] = (dropped[key] ?? 0) + count;
		},
	}),
};

beforeAll(async () => {
	engine = await startFixture();
});
afterAll(async () => {
	await engine[Symbol.asyncDispose]();
});
beforeEach(async () => {
	for (const table of [
		'spans_live',
		'spans_kept',
		'logs_live',
		'logs_kept',
		'tier_state',
		'trace_summaries',
		'span_rollup_1m',
		'service_rollup_1m',
	])
		await engine.store.command(`TRUNCATE TABLE ${table}`);
	tiers = new TiersFixture(engine);
	dropped = {};
});

async function hoursOf(table: string): Promise<number[]> {
	const partitions = await readPartitions(engine.store, new AbortController().signal);
	return partitions.filter((partition) => partition.table === table).map(({ fromS }) => (fromS - FIRST_HOUR) / HOUR_S);
}

async function fill(hours: readonly number[]): Promise<void> {
	for (const hour of hours) {
		const atS = FIRST_HOUR + hour * HOUR_S;
		tiers.nowS = atS;
		await tiers.load(SPANS, await tiers.spans(ROWS, atS));
		await tiers.load(LOGS, await tiers.bytes(LOGS, { expressions: { hour: String(atS) }, source: 'numbers(10)' }));
	}
}

test('each class goes when it is past its time, whole partitions, from both tiers, and its rows are counted once', async () => {
	await fill([0, 1, 30]);
	const retentionDays = { spans: 2, logs: 1, metrics: 1, rollups: 90 };
	// Hour 0 is in the kept table and its originals are still in the live one.
	tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
	await tiers.run({ metrics, retentionDays });
	expect(dropped).toEqual({});

	tiers.nowS = FIRST_HOUR + HOUR_S + DAY_S;
	await tiers.run({ metrics, retentionDays, liveHours: 168 });
	expect(dropped).toEqual({ 'logs retention': 10 });
	expect([await hoursOf('logs_live'), await hoursOf('logs_kept')]).toEqual([[1, 30], []]);
	expect([await hoursOf('spans_live'), await hoursOf('spans_kept')]).toEqual([[1, 30], [0]]);

	tiers.nowS = FIRST_HOUR + 2 * HOUR_S + 2 * DAY_S;
	await tiers.run({ metrics, retentionDays, liveHours: 168 });
	expect(dropped).toEqual({ 'logs retention': 20, 'spans retention': 2 * ROWS, 'trace_summaries retention': (2 * ROWS) / 8 });
	expect([await hoursOf('spans_live'), await hoursOf('spans_kept'), await hoursOf('trace_summaries')]).toEqual([[30], [], [30]]);
	const { rows } = await engine.store.query<{ calls: number }>('SELECT sum(calls) AS calls FROM service_rollup');
	expect(rows[0]?.calls).toBe(3 * ROWS);
});

test('over the disk budget the oldest hours go, in all signals, and never the two newest', async () => {
	await fill([0, 1, 2, 3]);
	const bytes = (await readPartitions(engine.store, new AbortController().signal)).reduce((sum, partition) => sum + partition.bytes, 0);
	tiers.nowS = FIRST_HOUR + 3 * HOUR_S + 60;
	await tiers.run({ metrics, liveHours: 168, diskBytesMax: bytes });
	expect(dropped).toEqual({});
	await tiers.run({ metrics, liveHours: 168, diskBytesMax: bytes - 1 });
	expect(dropped).toEqual({ 'spans disk_budget': ROWS, 'logs disk_budget': 10, 'trace_summaries disk_budget': ROWS / 8 });
	expect([await hoursOf('spans_live'), await hoursOf('logs_live')]).toEqual([
		[1, 2, 3],
		[1, 2, 3],
	]);
	await tiers.run({ metrics, liveHours: 168, diskBytesMax: 1 });
	expect([await hoursOf('spans_live'), await hoursOf('trace_summaries')]).toEqual([
		[2, 3],
		[2, 3],
	]);
	expect(dropped['spans disk_budget']).toBe(2 * ROWS);
});

test('a row on its way between the tiers, and a copy that was given up, count for nothing', async () => {
	await fill([0]);
	tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
	await tiers.run();
	await engine.store.command(`INSERT INTO spans_kept SELECT * EXCEPT (roll), roll + 1 FROM spans_kept`);
	tiers.nowS = FIRST_HOUR + 20 * DAY_S;
	await tiers.run({ metrics, liveHours: 168 });
	expect(dropped['spans retention']).toBe(ROWS);
	expect([await hoursOf('spans_live'), await hoursOf('spans_kept')]).toEqual([[], []]);
});

test('a clock that is set forward by years deletes nothing', async () => {
	await fill([0]);
	const job = tiersJob(tiers.options({ metrics, liveHours: 168, clock: tiers.clock }));
	tiers.nowS += 1_000 * DAY_S;
	await job.run(new AbortController().signal);
	expect(dropped).toEqual({});
	expect(await hoursOf('spans_kept')).toEqual([0]);
});
