/** The buffer before a real engine: what the engine cannot read is found by asking it, and costs nothing beside it. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { noMetrics } from '../base/metrics.ts';
import { systemTimer } from '../base/timer.ts';
import { type LoadBatch, SegmentBuffer } from '../buffer/buffer.ts';
import { realFiles } from '../buffer/files.ts';
import { Arrivals } from '../derive/tiers/arrivals.ts';
import { SPANS } from '../model/schema.ts';
import { type EngineFixture, madeUpSpans, nativeBytes, selectColumns, startFixture } from '../store/engine-fixture.ts';
import { segmentLoader } from './load-segments.ts';

const ROWS = 2_000;
const BLOCKS = 8;
let fixture: EngineFixture;
let directory: string;
let blocks: Uint8Array[];

beforeAll(async () => {
	fixture = await startFixture();
	directory = await mkdtemp(join(tmpdir(), 'throughline-load-'));
	const { expressions } = madeUpSpans(ROWS, 1_790_000_000, 1);
	blocks = await Promise.all(
		Array.from({ length: BLOCKS }, (_, block) =>
			nativeBytes(fixture.engine, selectColumns(SPANS, expressions, `numbers(${(block * ROWS) / BLOCKS}, ${ROWS / BLOCKS})`)),
		),
	);
});
afterAll(async () => {
	await fixture[Symbol.asyncDispose]();
	await rm(directory, { recursive: true, force: true });
});

const countSpans = async (): Promise<number> =>
	(await fixture.store.query<{ n: number }>('SELECT count() AS n FROM spans')).rows[0]?.n ?? -1;

/** Bytes the engine cannot read, each in another way. */
function spoiled(block: Uint8Array, kind: number): Uint8Array {
	if (kind === 0) return block.subarray(0, block.length - 100);
	if (kind === 1) return new TextEncoder().encode('no Native block');
	const copy = Buffer.from(block);
	copy.write('FixedString(1x)', copy.indexOf('FixedString(16)'));
	return copy;
}

const batch = (payloads: readonly Uint8Array[]): LoadBatch => ({
	token: '1790000000000-a-token',
	table: 'spans_live',
	rows: 0,
	records: payloads.map((payload, sequence) => ({ table: 'spans_live', rows: 0, sequence, payload })),
});

test.for([0, 1, 2])('a batch that ends in unreadable bytes (%i) stores nothing, and a check says so without storing', async (kind) => {
	const loader = segmentLoader(fixture.store, new Arrivals(0, systemClock), noMetrics);
	const { signal } = new AbortController();
	const bad = [...blocks.slice(0, 7), spoiled(blocks[7] as Uint8Array, kind)];
	await expect(loader.load(batch(bad), signal)).rejects.toMatchObject({ retryable: false });
	await expect(loader.check(batch(bad), signal)).rejects.toMatchObject({ retryable: false });
	await loader.check(batch(blocks), signal);
	expect(await countSpans()).toBe(0);
});

test('a table nobody knows is refused, not passed over', async () => {
	const loader = segmentLoader(fixture.store, new Arrivals(0, systemClock), noMetrics);
	const unknown = { ...batch(blocks), table: 'events_live' };
	await expect(loader.load(unknown, new AbortController().signal)).rejects.toMatchObject({ code: 'unsupported', retryable: false });
});

test('of a segment with poison in it everything else is loaded', async () => {
	const buffer = await SegmentBuffer.open({
		directory,
		loader: segmentLoader(fixture.store, new Arrivals(0, systemClock), noMetrics),
		limits: { sealAfterMs: 200, freeBytesMin: 0 },
		files: realFiles,
		clock: systemClock,
		timer: systemTimer,
		random: randomBytes,
		log: silentLog,
	});
	await buffer.append(
		blocks.map((block, index) => ({
			table: 'spans_live',
			rows: ROWS / BLOCKS,
			payload: index === 2 || index === 5 ? spoiled(block, index % 3) : block,
		})),
	);
	await expect.poll(() => buffer.stats().segments, { timeout: 20_000 }).toBe(0);
	const good = (ROWS * (BLOCKS - 2)) / BLOCKS;
	expect(await countSpans()).toBe(good);
	expect(buffer.stats().accounts.get('spans_live')).toMatchObject({ loaded: good, dropped: { dead_letter: ROWS - good } });
	expect((await readdir(join(directory, 'dead-letter'))).length).toBe(2);
	await buffer.close();
});
