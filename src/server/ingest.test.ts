import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encodeRequest } from '../../test/otlp/reference.ts';
import { systemClock } from '../base/clock.ts';
import { noMetrics } from '../base/metrics.ts';
import { systemTimer, type Timer } from '../base/timer.ts';
import type { BufferRecord } from '../buffer/buffer.ts';
import { BlockIngest } from './ingest.ts';

function request(spans: number, name: string): Uint8Array {
	const span = () => ({ traceId: new Uint8Array(16).fill(1), spanId: new Uint8Array(8).fill(2), name, startTimeUnixNano: '1' });
	return encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: spans }, span) }] }] });
}

test('the bytes of a block stay as they are until they are on disk, although their memory is used again', async () => {
	const written: { before: string; after: string; rows: number }[] = [];
	const ingest = new BlockIngest({
		append: async (records: readonly BufferRecord[]) => {
			const payload = records[0]?.payload ?? new Uint8Array();
			const before = Buffer.from(payload).toString('latin1');
			await sleep(5);
			written.push({ before, after: Buffer.from(payload).toString('latin1'), rows: records[0]?.rows ?? 0 });
		},
		waitingBytesMax: 1e9,
		clock: systemClock,
		timer: systemTimer,
		metrics: noMetrics,
	});
	const exports: Promise<unknown>[] = [];
	for (let i = 0; i < 40; i++) {
		exports.push(ingest.export('traces', 'protobuf', request(1 + i * 37, `operation ${i} `.repeat(1 + (i % 5)))));
		if (i % 3 === 0) await sleep(3);
	}
	await Promise.all(exports);
	expect(written.reduce((sum, { rows }) => sum + rows, 0)).toBe(40 + 37 * (39 * 20));
	for (const { before, after } of written) expect(after).toBe(before);
});

test('a sender that is alone is answered at once; those that come together share a commit', async () => {
	const commits: number[] = [];
	const ingest = new BlockIngest({
		append: async (records) => void commits.push(records[0]?.rows ?? 0),
		waitingBytesMax: 1e9,
		clock: systemClock,
		timer: systemTimer,
		metrics: noMetrics,
	});
	await ingest.export('traces', 'protobuf', request(1, 'alone'));
	expect(commits).toEqual([1]);
	const together: Promise<unknown>[] = [];
	for (let i = 0; i < 10; i++) {
		together.push(ingest.export('traces', 'protobuf', request(1, 'together')));
		await new Promise((settle) => setImmediate(settle));
	}
	await Promise.all(together);
	expect(commits.reduce((sum, rows) => sum + rows, 0)).toBe(11);
	expect(commits.length).toBeLessThan(11);
});

test('an append that fails is told to all who waited for it, and the next one goes through', async () => {
	let fail = true;
	const ingest = new BlockIngest({
		append: async () => {
			if (fail) throw new Error('the disk is gone');
		},
		waitingBytesMax: 1e9,
		clock: systemClock,
		timer: systemTimer,
		metrics: noMetrics,
	});
	const results = await Promise.allSettled([1, 2].map(() => ingest.export('traces', 'protobuf', request(3, 'lost'))));
	expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
	fail = false;
	expect(await ingest.export('traces', 'protobuf', request(3, 'kept'))).toMatchObject({ accepted: 3 });
	await ingest.close();
});

test('one sender after the other is hardly made to wait for company that never comes; many at once are', async () => {
	let waits = 0;
	const timer: Timer = {
		after(delayMs, run) {
			waits++;
			return systemTimer.after(delayMs, run);
		},
	};
	// A clock that stands still: every commit comes right after the one before.
	const clock = { nowMs: () => systemClock.nowMs(), monotonicMs: () => 0 };
	const commits: number[] = [];
	const ingest = new BlockIngest({
		append: async (records) => void commits.push(records[0]?.rows ?? 0),
		waitingBytesMax: 1e9,
		clock,
		timer,
		metrics: noMetrics,
	});
	for (let i = 0; i < 100; i++) await ingest.export('traces', 'protobuf', request(1, 'serial'));
	expect(commits).toHaveLength(100);
	expect(waits).toBeLessThanOrEqual(7);
	expect(waits).toBeGreaterThanOrEqual(5);
	const sender = async (): Promise<void> => {
		for (let i = 0; i < 20; i++) await ingest.export('traces', 'protobuf', request(1, 'one of many'));
	};
	await Promise.all(Array.from({ length: 8 }, sender));
	expect(commits.length - 100).toBeLessThan(160);
	await ingest.close();
});

test('a disk that is behind has requests refused, not held in memory, and takes them again when it has caught up', async () => {
	let written: () => void = () => {};
	const disk = new Promise<void>((resolve) => {
		written = resolve;
	});
	const ingest = new BlockIngest({ append: () => disk, waitingBytesMax: 100, clock: systemClock, timer: systemTimer, metrics: noMetrics });
	const first = ingest.export('traces', 'protobuf', request(10, 'first'));
	await expect
		.poll(async () => {
			const next = ingest.export('traces', 'protobuf', request(1, 'next'));
			return await Promise.race([
				next.then(
					() => 'ok',
					(failure: unknown) => failure,
				),
				sleep(1).then(() => 'waiting'),
			]);
		})
		.toMatchObject({ code: 'overloaded', retryable: true, retryAfterMs: 1_000 });
	written();
	await first;
	await expect
		.poll(() =>
			ingest.export('traces', 'protobuf', request(1, 'again')).then(
				() => 'ok',
				() => 'refused',
			),
		)
		.toBe('ok');
	await ingest.close();
});
