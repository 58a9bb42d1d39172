/** Random histories of appends, disk faults, loader moods and crashes, against what the buffer promises. */

import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { type BufferRecord, type SealedSegment, SegmentBuffer } from '../../src/buffer/buffer.ts';
import { FakeDisk, FakeTime, Random } from './fake-disk.ts';

const HISTORY_MS = Number(process.env.BUFFER_MODEL_MS ?? 3_000);
const FIRST_SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

type Fate = 'pending' | 'acknowledged' | 'refused' | 'failed';

class History {
	readonly random: Random;
	readonly time = new FakeTime();
	readonly disk: FakeDisk;
	readonly appended: { record: BufferRecord; fate: Fate; delivered: boolean }[] = [];
	readonly events = { crashes: 0, refused: 0, failed: 0, acknowledged: 0, redelivered: 0, deadLetters: 0 };
	readonly #loadedIds = new Set<string>();
	#life = 0;
	#buffer: SegmentBuffer | undefined;
	#error: unknown;
	loaderTrouble = 0;

	constructor(seed: number) {
		this.random = new Random(seed);
		this.disk = new FakeDisk(this.random);
	}

	async run(steps: number): Promise<void> {
		this.#start();
		for (let step = 0; step < steps; step++) {
			this.disk.failure = this.random.chance(0.2) ? 0.3 : 0;
			this.loaderTrouble = this.random.chance(0.3) ? 0.5 : 0;
			const dice = this.random.next();
			if (dice < 0.3) this.#append();
			else if (dice < 0.85) this.disk.step();
			else if (dice < 0.975) this.time.fireNext();
			else this.#crash();
			await this.#settle();
		}
		await this.#finish();
	}

	/** A healthy disk and a willing loader: everything acknowledged must come out now. */
	async #finish(): Promise<void> {
		this.disk.failure = 0;
		this.loaderTrouble = 0;
		if (this.random.chance(0.5)) this.#crash();
		for (let step = 0; step < 20_000 && !this.#drained(); step++) {
			if (!this.disk.step()) this.time.fireNext();
			await this.#settle();
		}
		expect(this.#drained(), `drained: ${JSON.stringify(this.#buffer?.stats())}`).toBe(true);
		const lost = this.appended.filter(({ fate, delivered }) => fate === 'acknowledged' && !delivered).length;
		expect(lost, 'acknowledged records that never came out').toBe(0);
		expect(this.appended.filter(({ fate, delivered }) => fate === 'refused' && delivered).length, 'refused records that came out').toBe(0);
		expect(
			this.disk.paths().filter((path) => /^\/b\/[^/]*$/.test(path)),
			'files left',
		).toEqual([]);
	}

	#drained(): boolean {
		if (this.#buffer === undefined) return false;
		const { segments, bytes, pendingBytes } = this.#buffer.stats();
		if (segments + pendingBytes > 0) return false;
		if (bytes !== 0) throw new Error(`an empty buffer says it holds ${bytes} bytes`);
		return !this.disk.paths().some((path) => /^\/b\/[^/]*$/.test(path));
	}

	#start(): void {
		const life = ++this.#life;
		SegmentBuffer.open({
			directory: '/b',
			load: (segment) => this.#load(segment, life),
			limits: {
				bytesMax: 6_000,
				freeBytesMin: 1_000,
				segmentBytesMax: 1_500,
				commitBytesMax: 800,
				sealAfterMs: 250,
				commitDelayMs: this.random.below(2) * 5,
			},
			files: this.disk.mount(),
			clock: this.time,
			timer: this.time,
			random: (count) => this.random.bytes(count),
			log: silentLog,
		}).then(
			(buffer) => {
				if (life !== this.#life) return;
				this.#buffer = buffer;
			},
			() => {
				if (life === this.#life) this.#restart(); // The disk failed; a supervisor would try again.
			},
		);
	}

	#restart(): void {
		this.#buffer = undefined;
		this.time.forget();
		this.#start();
	}

	#crash(): void {
		this.events.crashes++;
		this.disk.crash();
		for (const entry of this.appended) if (entry.fate === 'pending') entry.fate = 'failed';
		this.time.pass(this.random.below(1_000) - 300); // Clocks may go back.
		this.#restart();
	}

	#append(): void {
		const buffer = this.#buffer;
		if (buffer === undefined) return;
		const life = this.#life;
		this.disk.freeBytes = this.random.chance(0.02) ? 1_100 : 1_000_000;
		const entries = Array.from({ length: 1 + this.random.below(3) }, () => {
			const payload = this.random.bytes(4 + this.random.below(300));
			new DataView(payload.buffer).setUint32(0, this.appended.length, true);
			const entry = {
				record: { table: `t${this.random.below(2)}`, rows: this.random.below(9), payload },
				fate: 'pending' as Fate,
				delivered: false,
			};
			this.appended.push(entry);
			return entry;
		});
		const decide = (fate: Fate): void => {
			if (life !== this.#life) return;
			for (const entry of entries) entry.fate = fate;
			if (fate !== 'pending') this.events[fate]++;
		};
		buffer.append(entries.map(({ record }) => record)).then(
			() => decide('acknowledged'),
			(error: unknown) => {
				if (!(error instanceof Failure) || !error.retryable) this.#error = error;
				else decide(error.code === 'overloaded' ? 'refused' : 'failed');
			},
		);
	}

	async #load(segment: SealedSegment, life: number): Promise<void> {
		const records = [...(await segment.read())].flatMap(([table, list]) => list.map((record) => ({ ...record, table })));
		if (life !== this.#life) return new Promise(() => {});
		if (this.random.chance(this.loaderTrouble)) throw new Error('the engine is down');
		this.#check(segment, records);
		if (this.#loadedIds.has(segment.id)) this.events.redelivered++;
		this.#loadedIds.add(segment.id);
		if (this.random.chance(this.loaderTrouble)) throw new Error('the connection broke after the engine took it');
		if (this.random.chance(this.loaderTrouble / 3)) {
			this.events.deadLetters++;
			throw new Failure('malformed', 'the engine will never take this');
		}
	}

	#check(segment: SealedSegment, records: readonly { table: string; rows: number; sequence: number; payload: Uint8Array }[]): void {
		// Plain comparisons: this runs for every record of every history, and `expect` would be most of the time.
		const complain = (what: string): void => {
			this.#error ??= new Error(`segment ${segment.id}: ${what}`);
		};
		let previous = -1;
		const rowsByTable = new Map<string, number>();
		for (const { table, rows, payload } of records.toSorted((a, b) => a.sequence - b.sequence)) {
			const index = new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0, true);
			const entry = this.appended[index];
			if (entry === undefined) return complain(`record ${index} was never appended`);
			const { record } = entry;
			if (table !== record.table || rows !== record.rows || Buffer.compare(payload, record.payload) !== 0)
				complain(`record ${index} came out different`);
			if (index <= previous) complain(`record ${index} came after ${previous}`);
			previous = index;
			entry.delivered = true;
			rowsByTable.set(table, (rowsByTable.get(table) ?? 0) + rows);
		}
		for (const [table, rows] of segment.rows) if (rows !== rowsByTable.get(table)) complain(`${rows} rows of ${table} announced`);
	}

	async #settle(): Promise<void> {
		await new Promise((resolve) => setImmediate(resolve));
		if (this.#error !== undefined) throw this.#error;
	}
}

describe('the buffer under random histories', () => {
	test('what was acknowledged comes out after any crash, in order, and nothing that was not put in', {
		timeout: HISTORY_MS + 20_000,
	}, async () => {
		const total = { histories: 0, crashes: 0, refused: 0, failed: 0, acknowledged: 0, redelivered: 0, deadLetters: 0 };
		const stopMs = performance.now() + HISTORY_MS;
		for (let seed = FIRST_SEED; performance.now() < stopMs; seed++) {
			const history = new History(seed);
			try {
				await history.run(300);
			} catch (error) {
				throw new Error(`history with SEED=${seed} broke a promise: ${(error as Error).message}`, { cause: error });
			}
			total.histories++;
			for (const [key, count] of Object.entries(history.events)) total[key as keyof typeof total] += count;
		}
		console.log(`buffer model, first seed ${FIRST_SEED}: ${JSON.stringify(total)}`);
		// A run that never got into trouble proves nothing.
		for (const [key, count] of Object.entries(total)) expect(count, key).toBeGreaterThan(0);
	});
});
