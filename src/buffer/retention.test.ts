import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import { type BufferLimits, type LoadBatch, missingRows, SegmentBuffer } from './buffer.ts';
import { realFiles } from './files.ts';

const folder = mkdtempSync(join(tmpdir(), 'throughline-retention-'));
const buffers: SegmentBuffer[] = [];
let counter = 0;
afterEach(async () => {
	for (const buffer of buffers.splice(0)) await buffer.close({ drainMs: 0, abortMs: 100 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An engine that can be away. A fake. */
class FakeEngine {
	away = true;
	readonly texts: string[] = [];
	readonly load = async ({ records }: LoadBatch): Promise<void> => {
		await Promise.resolve();
		if (this.away) throw new Error('the engine is away');
		this.texts.push(...records.map(({ payload }) => Buffer.from(payload).toString().trimEnd()));
	};
	readonly check = (): Promise<void> => Promise.resolve();
}

async function open(
	engine: FakeEngine,
	limits: Partial<BufferLimits>,
	directory = join(folder, String(counter++)),
	clock = systemClock,
): Promise<SegmentBuffer> {
	const buffer = await SegmentBuffer.open({
		directory,
		loader: engine,
		limits: { sealAfterMs: 10, segmentBytesMax: 1_000, freeBytesMin: 0, loadRetryFirstMs: 5, loadRetryMaxMs: 10, ...limits },
		files: realFiles,
		clock,
		timer: systemTimer,
		random: randomBytes,
		log: silentLog,
	});
	buffers.push(buffer);
	return buffer;
}

/** A segment of its own: as large as a segment gets. */
const append = (buffer: SegmentBuffer, text: string, bytes = 1_000): Promise<void> =>
	buffer.append([{ table: 'spans', rows: 1, payload: Buffer.from(text.padEnd(bytes)) }]);

const account = (buffer: SegmentBuffer) => {
	const spans = buffer.stats().accounts.get('spans');
	if (spans !== undefined) expect(missingRows(spans)).toBe(0);
	return spans;
};

describe('a full buffer', () => {
	test('that drops the oldest takes what is new and counts what it lost', async () => {
		const engine = new FakeEngine();
		const buffer = await open(engine, { bytesMax: 3_300, whenFull: 'drop-oldest' });
		for (const text of ['a', 'b', 'c', 'd', 'e']) {
			await append(buffer, text);
			await vi.waitFor(() => expect(buffer.stats().loadFailures).toBeGreaterThan(0), 20_000);
		}
		expect(buffer.stats().bytes).toBeLessThanOrEqual(3_300);
		expect(account(buffer)).toMatchObject({ appended: 5, dropped: { full: 2, age: 0 }, inFlight: 3 });
		engine.away = false;
		await vi.waitFor(() => expect(buffer.stats().segments).toBe(0), 20_000);
		// One of the older may have been under way to the engine when room was needed.
		expect(engine.texts.length).toBe(3);
		expect(engine.texts).toEqual(expect.arrayContaining(['d', 'e']));
	});

	test('takes new data for ever, however small it is beside a segment', async () => {
		const buffer = await open(new FakeEngine(), { bytesMax: 20_000, segmentBytesMax: 32 * 1024 * 1024, whenFull: 'drop-oldest' });
		for (let index = 0; index < 200; index++) await append(buffer, String(index));
		expect(buffer.stats()).toMatchObject({ refusedAppends: 0, appendedRecords: 200 });
		expect(buffer.stats().bytes).toBeLessThanOrEqual(20_000);
		expect(account(buffer)?.dropped.full).toBeGreaterThan(150);
	});

	test('drops nothing for an append that would never fit, and refuses it', async () => {
		const engine = new FakeEngine();
		const buffer = await open(engine, { bytesMax: 3_300, whenFull: 'drop-oldest' });
		await append(buffer, 'a');
		await expect(append(buffer, 'too large', 4_000)).rejects.toMatchObject({ code: 'overloaded' });
		expect(account(buffer)).toMatchObject({ appended: 1, dropped: { full: 0 }, inFlight: 1 });
	});

	test('does not drop the segment the engine is taking', async () => {
		const engine = new FakeEngine();
		engine.away = false;
		let taken: (() => void) | undefined;
		const load = engine.load;
		Object.assign(engine, {
			load: async (batch: LoadBatch) => {
				await new Promise<void>((resolve) => {
					taken = resolve;
				});
				await load(batch);
			},
		});
		const buffer = await open(engine, { bytesMax: 2_200, whenFull: 'drop-oldest' });
		await append(buffer, 'being taken');
		await vi.waitFor(() => expect(taken).toBeDefined(), 20_000);
		await append(buffer, 'b');
		await vi.waitFor(() => expect(buffer.stats().segments).toBe(2), 20_000);
		// Seals 'b', which is then the oldest that can go.
		await vi.waitFor(() => append(buffer, 'c'), 20_000);
		expect(account(buffer)).toMatchObject({ appended: 3, dropped: { full: 1 }, inFlight: 2 });
		await vi.waitFor(() => {
			taken?.();
			expect(engine.texts).toEqual(['being taken', 'c']);
		}, 20_000);
	});
});

describe('age', () => {
	test('past its limit data is dropped and counted, also what an earlier process left', async () => {
		const directory = join(folder, String(counter++));
		const engine = new FakeEngine();
		const first = await open(engine, {}, directory);
		await append(first, 'old');
		await first.close({ drainMs: 0 });
		const later = { nowMs: () => systemClock.nowMs() + 7_200_000, monotonicMs: () => systemClock.monotonicMs() };
		const second = await open(engine, { ageMaxMs: 3_600_000 }, directory, later);
		await vi.waitFor(() => expect(account(second)).toMatchObject({ recovered: 1, dropped: { age: 1 }, inFlight: 0 }), 20_000);
		await vi.waitFor(() => expect(readdirSync(directory).filter((name) => name.includes('.'))).toEqual([]), 20_000);
	});

	test('is not what the clock on the wall says: setting it drops nothing', async () => {
		const engine = new FakeEngine();
		let jumpMs = 0;
		const clock = { nowMs: () => systemClock.nowMs() + jumpMs, monotonicMs: () => systemClock.monotonicMs() };
		const buffer = await open(engine, { ageMaxMs: 3_600_000 }, undefined, clock);
		await append(buffer, 'a');
		jumpMs = 365 * 86_400_000;
		const before = buffer.stats().loadFailures;
		await vi.waitFor(() => expect(buffer.stats().loadFailures).toBeGreaterThan(before + 3), 20_000);
		engine.away = false;
		await vi.waitFor(() => expect(engine.texts).toEqual(['a']), 20_000);
	});
});

const mayMount = process.platform === 'linux' && process.getuid?.() === 0;

describe.skipIf(!mayMount)('a disk that is really full (skipped: mounting a tmpfs takes root on Linux)', () => {
	const disk = join(folder, 'disk');
	let mounted = false;
	afterAll(() => {
		if (mounted) execFileSync('umount', [disk]);
	});

	test('is refused before anything is accepted; when others fill it nothing acknowledged is lost, and loads and deletes make room', async ({
		skip,
	}) => {
		mkdirSync(disk);
		try {
			execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'pipe' });
			mounted = true;
		} catch (error) {
			skip(`cannot mount a tmpfs here: ${(error as Error).message}`);
		}
		const directory = join(disk, 'buffer');
		const engine = new FakeEngine();
		const limits = { freeBytesMin: 1_500_000, segmentBytesMax: 200_000 };
		const buffer = await open(engine, limits, directory);
		const acknowledged: string[] = [];
		const fill = async (): Promise<string> => {
			for (let index = 0; ; index++) {
				const text = `record ${acknowledged.length}`;
				try {
					await append(buffer, text, 100_000);
					acknowledged.push(text);
				} catch (error) {
					return (error as { code: string }).code;
				}
				expect(index).toBeLessThan(100);
			}
		};

		expect(await fill()).toBe('overloaded');
		expect(await realFiles.freeBytes(directory)).toBeGreaterThan(1_000_000);
		expect(buffer.stats()).toMatchObject({ failedAppends: 0 });

		// Somebody else takes the last byte.
		try {
			writeFileSync(join(disk, 'somebody-else'), Buffer.alloc(4_000_000));
		} catch {
			// That is the point.
		}
		expect(await realFiles.freeBytes(directory)).toBe(0);
		await expect(append(buffer, 'no room', 100_000)).rejects.toMatchObject({ retryable: true });

		// A restart works on the full disk, and so do loading and deleting.
		await buffer.close({ drainMs: 0 });
		engine.away = false;
		const second = await open(engine, limits, directory);
		await vi.waitFor(() => expect(second.stats().segments).toBe(0), 20_000);
		expect(engine.texts).toEqual(acknowledged);
		expect(acknowledged.length).toBeGreaterThan(10);
		await vi.waitFor(async () => expect(await realFiles.freeBytes(directory)).toBeGreaterThan(1_000_000), 20_000);
		rmSync(join(disk, 'somebody-else'));
		await vi.waitFor(() => append(second, 'room again', 100_000), { timeout: 20_000, interval: 100 });
	});
});
