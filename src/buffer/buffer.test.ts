import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import { type BufferLimits, type BufferOptions, type LoadBatch, type Loader, missingRows, SegmentBuffer } from './buffer.ts';
import { type Files, realFiles } from './files.ts';

/** Real files, a real clock; only the loader is made up. */
const open: SegmentBuffer[] = [];
const directories: string[] = [];

afterEach(async () => {
	for (const buffer of open.splice(0)) await buffer.close({ drainMs: 0, abortMs: 100 });
	for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function directory(): Promise<string> {
	const path = await mkdtemp(join(tmpdir(), 'throughline-buffer-'));
	directories.push(path);
	return path;
}

async function openBuffer(
	path: string,
	load: Loader['load'],
	limits: Partial<BufferLimits> = {},
	more: Partial<BufferOptions> = {},
): Promise<SegmentBuffer> {
	const buffer = await SegmentBuffer.open({
		directory: path,
		// Unless a test says otherwise, records can be read and whatever is refused has other causes.
		loader: { load, check: () => Promise.resolve() },
		limits: { sealAfterMs: 20, freeBytesMin: 0, loadRetryFirstMs: 5, ...limits },
		files: realFiles,
		clock: systemClock,
		timer: systemTimer,
		random: randomBytes,
		log: silentLog,
		...more,
	});
	open.push(buffer);
	return buffer;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const one = (text: string, table = 'spans'): { table: string; rows: number; payload: Uint8Array }[] => [
	{ table, rows: 1, payload: bytes(text) },
];
const never: Loader['load'] = (_, signal) =>
	new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));

/** A loader that remembers what it was given, by table. */
function collector(): { load: Loader['load']; texts: (table?: string) => string[]; ids: string[] } {
	const seen = new Map<string, string[]>();
	const ids: string[] = [];
	return {
		ids,
		texts: (table = 'spans') => seen.get(table) ?? [],
		load: async ({ token, table, records }) => {
			ids.push(token);
			seen.set(table, [...(seen.get(table) ?? []), ...textsOf(records)]);
		},
	};
}

const textsOf = (records: LoadBatch['records']): string[] => records.map(({ payload }) => new TextDecoder().decode(payload));

/** Sums over all tables; fails when the account does not add up. */
function rowsOf(buffer: SegmentBuffer): { appended: number; recovered: number; loaded: number; deadLetter: number; damage: number } {
	const sum = { appended: 0, recovered: 0, loaded: 0, deadLetter: 0, damage: 0 };
	for (const account of buffer.stats().accounts.values()) {
		expect(missingRows(account)).toBe(0);
		sum.appended += account.appended;
		sum.recovered += account.recovered;
		sum.loaded += account.loaded;
		sum.deadLetter += account.dropped.dead_letter;
		sum.damage += account.dropped.damage;
	}
	return sum;
}

const segmentFiles = async (path: string): Promise<string[]> => (await readdir(path)).filter((name) => name.includes('.'));

describe('append and load', () => {
	test('records come out by table, in order, and their file is deleted', async () => {
		const path = await directory();
		const { load, texts } = collector();
		const buffer = await openBuffer(path, load);
		await buffer.append([...one('a'), ...one('x', 'logs')]);
		await buffer.append(one('b'));
		await vi.waitFor(() => expect(buffer.stats()).toMatchObject({ segments: 0, bytes: 0, pendingBytes: 0, oldestAgeMs: 0 }), 20_000);
		expect(rowsOf(buffer)).toMatchObject({ appended: 3, loaded: 3 });
		expect(texts('spans')).toEqual(['a', 'b']);
		expect(texts('logs')).toEqual(['x']);
		await vi.waitFor(async () => expect(await segmentFiles(path)).toEqual([]), 20_000);
	});

	test('an append is on disk before it resolves', async () => {
		const path = await directory();
		const buffer = await openBuffer(path, never, { sealAfterMs: 60_000 });
		await buffer.append(one('durable'));
		const [name] = await segmentFiles(path);
		expect((await readFile(join(path, name ?? ''))).includes('durable')).toBe(true);
		expect(buffer.stats()).toMatchObject({ segments: 1, appendedRecords: 1, appendedBytes: 7 });
	});

	test('many appends share few fsyncs', async () => {
		const durations: number[] = [];
		const buffer = await openBuffer(await directory(), never, {}, { onSync: (ms) => durations.push(ms) });
		await Promise.all(Array.from({ length: 500 }, (_, index) => buffer.append(one(`record ${index}`))));
		expect(buffer.stats().appendedRecords).toBe(500);
		expect(buffer.stats().syncs).toBeLessThan(20);
		expect(durations.length).toBe(buffer.stats().syncs);
	});

	test('a segment is sealed by size', async () => {
		const { load, ids } = collector();
		const buffer = await openBuffer(await directory(), load, { segmentBytesMax: 1_000, sealAfterMs: 60_000 });
		for (let index = 0; index < 4; index++) await buffer.append(one('x'.repeat(600)));
		await vi.waitFor(() => expect(ids.length).toBe(2), 20_000);
		expect(ids).toEqual(ids.toSorted());
	});

	test('segments grow to their full size while the engine is away, instead of many small files', async () => {
		const path = await directory();
		const buffer = await openBuffer(path, never, { sealAfterMs: 1 });
		for (let index = 0; index < 60; index++) {
			await buffer.append(one('x'));
			await new Promise((resolve) => setTimeout(resolve, 5));
		}
		expect((await segmentFiles(path)).length).toBeLessThan(15);
	});

	test("a record that does not fit the format is the caller's mistake, and nobody else's", async () => {
		const buffer = await openBuffer(await directory(), never);
		const good = buffer.append(one('good'));
		await expect(buffer.append(one('bad', ''))).rejects.toThrow(/assertion failed: a table name/);
		await expect(buffer.append([{ table: 't', rows: -1, payload: bytes('') }])).rejects.toThrow(/assertion failed: rows/);
		await good;
	});

	test('close makes pending appends durable, loads what it can in time and refuses more', async () => {
		const { load, texts } = collector();
		const buffer = await openBuffer(await directory(), load, { sealAfterMs: 60_000 });
		const pending = buffer.append(one('last words'));
		await pending;
		await buffer.close();
		await buffer.close();
		expect(texts()).toEqual(['last words']);
		await expect(buffer.append(one('too late'))).rejects.toMatchObject({ code: 'unavailable', retryable: true });
	});

	test('close does not wait for an engine that hangs', async () => {
		const buffer = await openBuffer(await directory(), () => new Promise(() => {}), { sealAfterMs: 1 });
		await buffer.append(one('stuck'));
		const startMs = performance.now();
		await buffer.close({ drainMs: 30, abortMs: 30 });
		expect(performance.now() - startMs).toBeLessThan(10_000);
	});
});

describe('a failing loader', () => {
	test('is called again with the same id until it succeeds', async () => {
		const ids: string[] = [];
		const buffer = await openBuffer(await directory(), async ({ token }) => {
			ids.push(token);
			if (ids.length < 5) throw new Failure('unavailable', 'the engine restarts');
		});
		await buffer.append(one('a'));
		await vi.waitFor(() => expect(buffer.stats().loadedSegments).toBe(1), 20_000);
		expect(new Set(ids).size).toBe(1);
		expect(buffer.stats()).toMatchObject({ loadFailures: 4, deadLetterFiles: 0 });
	});

	test('a segment that always fails does not hold up the others', async () => {
		const loaded = collector();
		let stuck: string | undefined;
		const buffer = await openBuffer(await directory(), async (batch, signal) => {
			stuck ??= batch.token;
			if (batch.token === stuck) throw new Error('out of memory');
			await loaded.load(batch, signal);
		});
		await buffer.append(one('too much'));
		await vi.waitFor(() => expect(stuck).toBeDefined(), 20_000);
		await buffer.append(one('fine'));
		await vi.waitFor(() => expect(loaded.texts()).toEqual(['fine']), 20_000);
		expect(buffer.stats()).toMatchObject({ segments: 1, deadLetterFiles: 0 });
	});

	test('a batch refused for good goes to dead-letter with the reason, and can be put back', async () => {
		const path = await directory();
		const buffer = await openBuffer(path, async () => {
			throw new Failure('malformed', 'unknown column');
		});
		await buffer.append(one('poison'));
		await vi.waitFor(
			() => expect(buffer.stats()).toMatchObject({ deadLetterFiles: 1, deadLetterRecords: 1, segments: 0, bytes: 0 }),
			20_000,
		);
		expect(rowsOf(buffer)).toMatchObject({ appended: 1, loaded: 0, deadLetter: 1 });
		const names = await readdir(join(path, 'dead-letter'));
		const reason = names.find((name) => name.endsWith('.json')) ?? '';
		const file = names.find((name) => name.endsWith('.sealed')) ?? '';
		expect(JSON.parse(await readFile(join(path, 'dead-letter', reason), 'utf8'))).toMatchObject({
			kind: 'refused',
			tables: [{ table: 'spans', records: 1, rows: 1, code: 'malformed', message: 'unknown column' }],
		});
		await buffer.close({ drainMs: 0 });
		await rename(join(path, 'dead-letter', file), join(path, file));
		const { load, texts } = collector();
		await openBuffer(path, load);
		await vi.waitFor(() => expect(texts()).toEqual(['poison']), 20_000);
	});

	test('dead letters stay within their limit, oldest first out, and it is counted', async () => {
		const path = await directory();
		const buffer = await openBuffer(
			path,
			async () => {
				throw new Failure('malformed', 'no');
			},
			{ asideBytesMax: 2_500 },
		);
		for (let index = 0; index < 4; index++) {
			await buffer.append(one('x'.repeat(800)));
			await vi.waitFor(() => expect(buffer.stats().deadLetterFiles).toBe(index + 1), 20_000);
		}
		await vi.waitFor(() => expect(buffer.stats().asideDeletedBytes).toBeGreaterThan(800), 20_000);
		expect((await readdir(join(path, 'dead-letter'))).filter((name) => name.endsWith('.sealed')).length).toBe(2);
	});
});

describe('limits', () => {
	test('a full buffer refuses before accepting, and accepts again when the engine has caught up', async () => {
		let go: () => void = () => {};
		const gate = new Promise<void>((resolve) => {
			go = resolve;
		});
		const buffer = await openBuffer(await directory(), () => gate, { bytesMax: 1_000, retryAfterMs: 1_234 });
		await buffer.append(one('x'.repeat(600)));
		await expect(buffer.append(one('y'.repeat(600)))).rejects.toMatchObject({ code: 'overloaded', retryable: true, retryAfterMs: 1_234 });
		expect(buffer.stats()).toMatchObject({ refusedAppends: 1, appendedRecords: 1, pendingBytes: 0 });
		go();
		await vi.waitFor(() => expect(buffer.stats().segments).toBe(0), 20_000);
		await buffer.append(one('y'.repeat(600)));
	});

	test('a nearly full disk is left alone', async () => {
		const files: Files = { ...realFiles, freeBytes: () => Promise.resolve(1_500) };
		const buffer = await openBuffer(await directory(), never, { freeBytesMin: 1_000 }, { files });
		await buffer.append(one('x'.repeat(300)));
		await expect(buffer.append(one('x'.repeat(300)))).rejects.toMatchObject({ code: 'overloaded', message: /disk is nearly full/ });
	});

	test('a disk that fails gives "unavailable", and works again afterwards in a new segment', async () => {
		const path = await directory();
		let failing = false;
		const files: Files = {
			...realFiles,
			create: async (name) => {
				const file = await realFiles.create(name);
				return {
					...file,
					sync: async () => {
						if (failing) throw Object.assign(new Error('i/o error'), { code: 'EIO' });
						await file.sync();
					},
				};
			},
		};
		const { load, texts, ids } = collector();
		const buffer = await openBuffer(path, load, { sealAfterMs: 60_000 }, { files });
		await buffer.append(one('before'));
		failing = true;
		await expect(buffer.append(one('lost'))).rejects.toMatchObject({ code: 'unavailable', message: 'cannot write to the buffer: EIO' });
		failing = false;
		await buffer.append(one('after'));
		await buffer.close();
		expect(texts()).toEqual(['before', 'after']);
		expect(ids.length).toBe(2);
		expect(buffer.stats()).toMatchObject({ failedAppends: 1 });
		expect(rowsOf(buffer)).toMatchObject({ appended: 2, loaded: 2 });
	});
});

describe('recovery', () => {
	async function left(texts: readonly string[]): Promise<{ path: string; file: string }> {
		const path = await directory();
		const buffer = await openBuffer(path, never, { sealAfterMs: 60_000 });
		for (const text of texts) await buffer.append(one(text));
		await buffer.close({ drainMs: 0 });
		const [name] = await segmentFiles(path);
		return { path, file: join(path, name ?? '') };
	}

	test('what was not loaded is loaded after a restart, under the same id', async () => {
		const { path, file } = await left(['a', 'b']);
		const { load, texts, ids } = collector();
		const buffer = await openBuffer(path, load);
		await vi.waitFor(() => expect(texts()).toEqual(['a', 'b']), 20_000);
		expect(file).toContain(ids[0]);
		expect(buffer.stats()).toMatchObject({ recoveredSegments: 1 });
		expect(rowsOf(buffer)).toMatchObject({ recovered: 2, loaded: 2 });
	});

	test('a torn end is cut off', async () => {
		const { path, file } = await left(['a', 'b']);
		const whole = await readFile(file);
		await rm(file);
		await writeFile(file.replace('.sealed', '.seg'), whole.subarray(0, whole.length - 1));
		const { load, texts } = collector();
		const buffer = await openBuffer(path, load);
		await vi.waitFor(() => expect(texts()).toEqual(['a']), 20_000);
		expect(buffer.stats().tornBytes).toBeGreaterThan(0);
		expect(buffer.stats().quarantinedRanges).toBe(0);
	});

	test('damage is stepped over, copied to quarantine and counted', async () => {
		const { path, file } = await left(['alpha', 'beta', 'gamma']);
		const content = await readFile(file);
		content.write('BETA', content.indexOf('beta'));
		await writeFile(file, content);
		const { load, texts } = collector();
		const buffer = await openBuffer(path, load);
		await vi.waitFor(() => expect(texts()).toEqual(['alpha', 'gamma']), 20_000);
		expect(buffer.stats()).toMatchObject({ quarantinedRanges: 1, lostRecords: 1 });
		expect(rowsOf(buffer)).toMatchObject({ recovered: 3, loaded: 2, damage: 1 });
		const names = await readdir(join(path, 'quarantine'));
		const copy = names.find((name) => name.endsWith('.bytes')) ?? '';
		expect((await readFile(join(path, 'quarantine', copy))).includes('BETA')).toBe(true);
	});

	test('damage at the end of a sealed segment is damage, not a torn end', async () => {
		const { path, file } = await left(['alpha', 'beta']);
		const content = await readFile(file);
		content.write('BETA', content.indexOf('beta'));
		await writeFile(file, content);
		const { load, texts } = collector();
		const buffer = await openBuffer(path, load);
		await vi.waitFor(() => expect(texts()).toEqual(['alpha']), 20_000);
		expect(buffer.stats()).toMatchObject({ quarantinedRanges: 1, lostRecords: 1, tornBytes: 0 });
	});

	test('damage that comes after recovery is found when the segment is read', async () => {
		const { path, file } = await left(['alpha', 'beta']);
		const loaded = collector();
		let attempts = 0;
		const buffer = await openBuffer(path, async (batch, signal) => {
			if (++attempts === 1) {
				const content = await readFile(file);
				content.write('ALPHA', content.indexOf('alpha'));
				await writeFile(file, content);
				throw new Error('once more');
			}
			await loaded.load(batch, signal);
		});
		await vi.waitFor(() => expect(loaded.texts()).toEqual(['beta']), 20_000);
		expect(buffer.stats()).toMatchObject({ quarantinedRanges: 1, lostRecords: 1 });
		await vi.waitFor(() => expect(rowsOf(buffer)).toMatchObject({ recovered: 2, loaded: 1, damage: 1 }), 20_000);
	});

	test('an empty file is deleted and a stranger is left alone', async () => {
		const { path, file } = await left(['a']);
		await writeFile(file.replace(/\d{6}-\w+\.sealed$/, '999999-0000000000000000.seg'), '');
		await writeFile(join(path, 'notes.txt'), 'mine');
		const { load, texts } = collector();
		await openBuffer(path, load);
		await vi.waitFor(async () => expect(await segmentFiles(path)).toEqual(['notes.txt']), 20_000);
		expect(texts()).toEqual(['a']);
	});
});
