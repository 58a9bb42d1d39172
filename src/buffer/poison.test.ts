import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import { type LoadBatch, type Loader, missingRows, SegmentBuffer } from './buffer.ts';
import { NO_KEYS } from './encryption.ts';
import { realFiles } from './files.ts';
import { findPoison } from './poison.ts';
import { scanSegment } from './scan.ts';
import { poisonSegmentId, type SegmentRecord } from './segment.ts';

const records = (count: number): SegmentRecord[] =>
	Array.from({ length: count }, (_, sequence) => ({ table: 't', rows: 1, sequence, payload: new Uint8Array(1) }));

describe('the search', () => {
	async function search(count: number, bad: (sequence: number) => boolean): Promise<{ found: number[]; checks: number }> {
		let checks = 0;
		const found = await findPoison(records(count), async (some) => {
			checks++;
			if (some.some(({ sequence }) => bad(sequence))) throw new Failure('internal', 'cannot read');
		});
		return { found: [...found.keys()].toSorted((a, b) => a - b), checks };
	}

	test('finds exactly the bad records, by halves', async () => {
		expect(await search(1000, (sequence) => sequence === 617)).toMatchObject({ found: [617] });
		expect((await search(1000, (sequence) => sequence === 617)).checks).toBeLessThan(25);
		expect((await search(1000, (sequence) => [0, 1, 500, 999].includes(sequence))).found).toEqual([0, 1, 500, 999]);
		expect((await search(3, () => false)).found).toEqual([]);
	});

	test('is bounded: what is not proven good in time is held to be bad', async () => {
		const { found, checks } = await search(10_000, (sequence) => sequence % 2 === 0);
		expect(checks).toBe(128);
		expect(found.length).toBe(10_000);
	});

	test('ends without a result when the engine goes away', async () => {
		const away = new Failure('unavailable', 'the engine died');
		await expect(findPoison(records(4), () => Promise.reject(away))).rejects.toBe(away);
	});
});

const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);
const isBad = ({ payload }: SegmentRecord): boolean => text(payload).startsWith('bad');

/** An engine that cannot read some records, remembers tokens, and dies when told to. A fake. */
class FakeEngine implements Loader {
	readonly rows = new Map<string, string[]>();
	readonly tokens = new Set<string>();
	/** Called before anything else: throws what should go wrong. */
	trouble: (batch: LoadBatch) => void = () => {};
	/** Called after a load took effect. */
	troubleAfter: (batch: LoadBatch) => void = () => {};

	async load(batch: LoadBatch): Promise<void> {
		this.trouble(batch);
		await this.check(batch);
		const token = `${batch.table} ${batch.token}`;
		if (!this.tokens.has(token))
			this.rows.set(batch.table, [...(this.rows.get(batch.table) ?? []), ...batch.records.map((record) => text(record.payload))]);
		this.tokens.add(token);
		this.troubleAfter(batch);
	}

	async check(batch: LoadBatch): Promise<void> {
		await Promise.resolve();
		if (batch.records.some(isBad)) throw new Failure('internal', 'incorrect data');
	}
}

describe('a segment with poison in it', () => {
	const directories: string[] = [];
	const buffers: SegmentBuffer[] = [];
	afterEach(async () => {
		for (const buffer of buffers.splice(0)) await buffer.close({ drainMs: 0, abortMs: 100 });
		for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
	});

	async function folder(): Promise<string> {
		const path = await mkdtemp(join(tmpdir(), 'throughline-poison-'));
		directories.push(path);
		return path;
	}

	async function open(directory: string, loader: Loader, sealAfterMs = 20): Promise<SegmentBuffer> {
		const buffer = await SegmentBuffer.open({
			directory,
			loader,
			limits: { sealAfterMs, freeBytesMin: 0, loadRetryFirstMs: 1, loadRetryMaxMs: 5 },
			files: realFiles,
			clock: systemClock,
			timer: systemTimer,
			random: randomBytes,
			log: silentLog,
		});
		buffers.push(buffer);
		return buffer;
	}

	const append = (buffer: SegmentBuffer, table: string, texts: readonly string[]): Promise<void> =>
		buffer.append(texts.map((item) => ({ table, rows: 10, payload: new TextEncoder().encode(item) })));

	async function deadLetters(directory: string): Promise<{ id: string; texts: string[]; reason: unknown }[]> {
		const path = join(directory, 'dead-letter');
		const names = (await readdir(path)).filter((name) => name.endsWith('.sealed')).sort();
		return Promise.all(
			names.map(async (name) => {
				const id = name.replace('.sealed', '');
				const scan = scanSegment(id, await readFile(join(path, name)), NO_KEYS);
				expect(scan.damage).toEqual([]);
				return {
					id,
					texts: scan.records.map(({ payload }) => text(payload)),
					reason: JSON.parse(await readFile(join(path, `${id}.json`), 'utf8')) as unknown,
				};
			}),
		);
	}

	const settled = (buffer: SegmentBuffer): Promise<void> => vi.waitFor(() => expect(buffer.stats().segments).toBe(0), 20_000);

	test('loses only the poison, in every table, and every row is accounted for', async () => {
		const directory = await folder();
		const engine = new FakeEngine();
		const buffer = await open(directory, engine);
		await Promise.all([append(buffer, 'spans', ['a', 'b', 'bad 1', 'c', 'bad 2']), append(buffer, 'logs', ['x', 'bad 3', 'y'])]);
		await settled(buffer);
		expect(Object.fromEntries(engine.rows)).toEqual({ spans: ['a', 'b', 'c'], logs: ['x', 'y'] });
		const [letter, ...more] = await deadLetters(directory);
		expect(more).toEqual([]);
		expect(letter?.texts).toEqual(['bad 1', 'bad 2', 'bad 3']);
		expect(letter?.reason).toMatchObject({
			kind: 'poison',
			tables: [
				{ table: 'spans', records: 2, rows: 20, code: 'internal', message: 'incorrect data' },
				{ table: 'logs', records: 1, rows: 10 },
			],
		});
		const { accounts } = buffer.stats();
		expect(accounts.get('spans')).toMatchObject({ appended: 50, loaded: 30, dropped: { dead_letter: 20 }, inFlight: 0 });
		expect(accounts.get('logs')).toMatchObject({ appended: 30, loaded: 20, dropped: { dead_letter: 10 }, inFlight: 0 });
	});

	test('counts once whatever fails in the middle, and whichever process finishes the work', async () => {
		const directory = await folder();
		const engine = new FakeEngine();
		// The engine takes the good spans and the process dies before it hears of it; then it is the logs' turn to fail for a while.
		engine.troubleAfter = ({ table }) => {
			if (table === 'spans') throw new Failure('unavailable', 'the connection broke');
		};
		const first = await open(directory, engine, 60_000);
		await Promise.all([append(first, 'spans', ['a', 'bad 1', 'b']), append(first, 'logs', ['x', 'bad 2'])]);
		await first.close({ drainMs: 50 });
		expect(engine.rows.get('spans')).toEqual(['a', 'b']);
		expect(first.stats().segments).toBe(1);

		let left = 3;
		engine.troubleAfter = () => {};
		engine.trouble = ({ table }) => {
			if (table === 'logs' && left-- > 0) throw new Failure('unavailable', 'the engine restarts');
		};
		const second = await open(directory, engine);
		await settled(second);
		expect(Object.fromEntries(engine.rows)).toEqual({ spans: ['a', 'b'], logs: ['x'] });
		const letters = await deadLetters(directory);
		expect(letters.map(({ texts }) => texts)).toEqual([['bad 1', 'bad 2']]);
		for (const account of second.stats().accounts.values()) expect(missingRows(account)).toBe(0);
		expect(second.stats().accounts.get('spans')).toMatchObject({ recovered: 30, loaded: 20, dropped: { dead_letter: 10 } });
	});

	test('a replayed dead letter is not taken for the segment it came from', async () => {
		const directory = await folder();
		const engine = new FakeEngine();
		const buffer = await open(directory, engine);
		await append(buffer, 'spans', ['a', 'bad 1']);
		await settled(buffer);
		const [letter] = await deadLetters(directory);
		const [origin = ''] = engine.tokens;
		expect(`spans ${letter?.id}`).not.toBe(origin);
		expect(letter?.id).toBe(poisonSegmentId(origin.replace('spans ', '')));
	});

	test('what is refused although it can be read is tried for a while, then put aside whole under its own id', async () => {
		const directory = await folder();
		const engine = new FakeEngine();
		let attempts = 0;
		engine.trouble = ({ table }) => {
			if (table !== 'logs') return;
			attempts++;
			throw new Failure('internal', 'a view failed');
		};
		const buffer = await open(directory, engine);
		await Promise.all([append(buffer, 'logs', ['x', 'y']), append(buffer, 'spans', ['a'])]);
		await settled(buffer);
		expect(attempts).toBe(8);
		expect(engine.rows.get('spans')).toEqual(['a']);
		const [letter] = await deadLetters(directory);
		expect(letter).toMatchObject({ texts: ['x', 'y'], reason: { kind: 'refused', segment: letter?.id } });
		expect([...engine.tokens]).toEqual([`spans ${letter?.id}`]);
	});
});
