/**
 * One random history of the buffer on a fake disk with a fake clock and a fake engine: appends, disk faults, damage, an engine in every
 * mood, clock jumps and crashes, against what the buffer promises. Throws when a promise is broken.
 */

import { assert, Failure } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { type BufferRecord, type LoadBatch, missingRows, SegmentBuffer } from '../../src/buffer/buffer.ts';
import type { Keyring } from '../../src/buffer/encryption.ts';
import { scanSegment } from '../../src/buffer/scan.ts';
import { parseSegmentName } from '../../src/buffer/segment.ts';
import { FakeDisk, FakeTime, Random } from './fake-disk.ts';
import { FakeEngine, MARK_BYTES, mark, markOf } from './fake-engine.ts';

type Fate = 'pending' | 'acknowledged' | 'refused' | 'failed';

interface Entry {
	readonly record: BufferRecord;
	fate: Fate;
	/** Bytes of it were changed on the disk. */
	damaged: boolean;
}

const KEYS: ReadonlyMap<string, Uint8Array> = new Map([
	['first', new Uint8Array(32).fill(1)],
	['second', new Uint8Array(32).fill(2)],
]);

export class History {
	readonly random: Random;
	readonly time = new FakeTime();
	readonly disk: FakeDisk;
	readonly engine: FakeEngine;
	readonly appended: Entry[] = [];
	readonly events = { crashes: 0, refused: 0, failed: 0, acknowledged: 0, damages: 0, deadLetters: 0, dropped: 0 };
	/** Half of all histories may drop nothing; the others count what they drop. */
	readonly #mayDrop: boolean;
	/** Rows dropped by earlier lives. */
	#droppedRows = 0;
	#life = 0;
	#buffer: SegmentBuffer | undefined;
	#error: unknown;

	constructor(seed: number) {
		this.random = new Random(seed);
		this.disk = new FakeDisk(this.random);
		this.engine = new FakeEngine(this.random);
		this.#mayDrop = this.random.chance(0.5);
	}

	async run(steps: number): Promise<void> {
		this.#start();
		for (let step = 0; step < steps; step++) {
			this.disk.failure = this.random.chance(0.2) ? 0.3 : 0;
			this.engine.trouble = this.random.chance(0.3) ? 0.5 : 0;
			const dice = this.random.next();
			if (dice < 0.3) this.#append();
			else if (dice < 0.84) this.disk.step();
			else if (dice < 0.96) this.time.fireNext();
			else if (dice < 0.97) this.time.jump((this.random.below(200) - 100) * 3_600_000);
			else if (dice < 0.98) this.#damage();
			else this.#crash();
			await this.#settle();
		}
		await this.#finish();
	}

	/** A healthy disk and a willing engine: whatever was acknowledged must come out now. */
	async #finish(): Promise<void> {
		this.disk.failure = 0;
		this.engine.trouble = 0;
		if (this.random.chance(0.5)) this.#crash();
		for (let step = 0; step < 20_000 && !this.#drained(); step++) {
			// What could not be deleted when its time had come is loaded again after a restart, and must not count twice.
			if (step % 5_000 === 4_999) this.#crash();
			if (!this.disk.step()) this.time.fireNext();
			await this.#settle();
		}
		assert(this.#drained(), `drained: ${JSON.stringify(this.#buffer?.stats())}, files ${this.disk.paths().join(' ')}`);
		const letters = this.#deadLetters();
		let lostRows = 0;
		for (const [index, { record, fate, damaged }] of this.appended.entries()) {
			const stored = this.engine.stored.get(index) ?? 0;
			assert(stored <= 1, `record ${index} is stored ${stored} times`);
			assert(fate !== 'refused' || stored === 0, `record ${index} was refused and came out`);
			const innocent = letters.has(index) && !markOf(record.payload).poisoned;
			assert(!innocent || this.engine.events.denied > 0, `record ${index} was put aside with the poison`);
			if (fate !== 'acknowledged' || stored === 1 || letters.has(index) || damaged) continue;
			assert(this.#mayDrop, `record ${index} was acknowledged and is lost`);
			lostRows += record.rows;
		}
		this.#audit();
		assert(lostRows <= this.#droppedRows, `${lostRows} acknowledged rows are lost, ${this.#droppedRows} are counted as dropped`);
		if (this.#droppedRows > 0) this.events.dropped++;
	}

	#drained(): boolean {
		if (this.#buffer === undefined) return false;
		const { segments, bytes, pendingBytes } = this.#buffer.stats();
		if (segments + pendingBytes > 0) return false;
		assert(bytes === 0, `an empty buffer says it holds ${bytes} bytes`);
		return !this.disk.paths().some((path) => /^\/b\/[^/]*$/.test(path));
	}

	/** Every record that can be read in `dead-letter/`. */
	#deadLetters(): Set<number> {
		const found = new Set<number>();
		for (const path of this.disk.paths()) {
			const parsed = /^\/b\/dead-letter\/(.*)$/.exec(path)?.[1];
			const name = parsed === undefined ? undefined : parseSegmentName(parsed);
			if (name === undefined) continue;
			this.events.deadLetters++;
			for (const { payload } of this.#records(name.id, this.disk.contents(path) ?? new Uint8Array())) found.add(markOf(payload).index);
		}
		return found;
	}

	#start(): void {
		const life = ++this.#life;
		const during = async (action: () => void): Promise<void> => {
			await Promise.resolve();
			// The engine hears nothing from the dead; what they sent before is a batch that broke half way.
			if (life === this.#life) action();
			else await new Promise<never>(() => {});
		};
		SegmentBuffer.open({
			directory: '/b',
			loader: {
				load: (batch) => during(() => this.#load(batch)),
				check: (batch) => during(() => this.engine.check(batch)),
			},
			limits: {
				bytesMax: this.#mayDrop ? 4_000 : 10_000,
				whenFull: this.#mayDrop ? 'drop-oldest' : 'reject',
				ageMaxMs: this.#mayDrop ? 60_000 : 0,
				freeBytesMin: 1_000,
				segmentBytesMax: 1_500,
				commitBytesMax: 800,
				sealAfterMs: 250,
				commitDelayMs: this.random.below(2) * 5,
			},
			keys: this.#keyring(),
			files: this.disk.mount(),
			clock: this.time,
			timer: this.time,
			random: (count) => this.random.bytes(count),
			log: silentLog,
		}).then(
			(buffer) => {
				if (life === this.#life) this.#buffer = buffer;
			},
			(error: unknown) => {
				if (life !== this.#life) return;
				// The disk failed; a supervisor would try again.
				if (error instanceof Failure || !(error instanceof Error && 'code' in error)) this.#error = error;
				else this.#restart();
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
		this.#audit();
		this.disk.crash();
		for (const entry of this.appended) if (entry.fate === 'pending') entry.fate = 'failed';
		this.time.pass(this.random.below(1_000));
		this.#restart();
	}

	/** Nobody sees a row vanish: the account holds at any moment. Called once at the end of each life. */
	#audit(): void {
		for (const [table, account] of this.#buffer?.stats().accounts ?? []) {
			const holds = missingRows(account) === 0 && account.inFlight >= 0;
			assert(holds, `the account of ${table} does not add up: ${JSON.stringify(account)}`);
			const { full, age } = account.dropped;
			assert(this.#mayDrop || full + age === 0, `dropped against the policy: ${JSON.stringify(account)}`);
			this.#droppedRows += full + age;
		}
	}

	/** Changes bytes of a sealed segment, which nobody writes to any more, and notes whose they were. */
	#damage(): void {
		const paths = this.disk.paths().filter((path) => path.endsWith('.sealed'));
		const path = paths[this.random.below(paths.length)];
		const id = parseSegmentName(path?.split('/').at(-1) ?? '')?.id;
		const before = path === undefined ? undefined : this.disk.contents(path);
		if (path === undefined || id === undefined || before === undefined || before.length === 0) return;
		this.events.damages++;
		const readable = new Set(this.#indexes(id, before));
		this.disk.damage(path, this.random.below(before.length - 1), this.random.bytes(1 + this.random.below(20)));
		for (const index of this.#indexes(id, this.disk.contents(path) ?? before)) readable.delete(index);
		for (const index of readable) if (this.appended[index] !== undefined) this.appended[index].damaged = true;
	}

	#indexes(id: string, bytes: Uint8Array): number[] {
		return this.#records(id, bytes).map(({ payload }) => markOf(payload).index);
	}

	#records(id: string, bytes: Uint8Array): readonly BufferRecord[] {
		return scanSegment(id, bytes, { writing: undefined, keys: KEYS }).records;
	}

	/** Keys change from one life to the next, and some lives write plain. */
	#keyring(): Keyring {
		return { writing: [undefined, 'first', 'second'][this.random.below(3)], keys: KEYS };
	}

	#append(): void {
		const buffer = this.#buffer;
		if (buffer === undefined) return;
		const life = this.#life;
		this.disk.freeBytes = this.random.chance(0.02) ? 1_100 : 1_000_000;
		const entries = Array.from({ length: 1 + this.random.below(3) }, () => {
			const payload = this.random.bytes(MARK_BYTES + this.random.below(300));
			mark(payload, { index: this.appended.length, poisoned: this.random.chance(0.02) });
			const record = { table: `t${this.random.below(2)}`, rows: this.random.below(9), payload };
			const entry: Entry = { record, fate: 'pending', damaged: false };
			this.appended.push(entry);
			return entry;
		});
		const decide = (fate: Exclude<Fate, 'pending'>): void => {
			if (life !== this.#life) return;
			for (const entry of entries) entry.fate = fate;
			this.events[fate]++;
		};
		buffer.append(entries.map(({ record }) => record)).then(
			() => decide('acknowledged'),
			(error: unknown) => {
				if (!(error instanceof Failure) || !error.retryable) this.#error = error;
				else decide(error.code === 'overloaded' ? 'refused' : 'failed');
			},
		);
	}

	#load(batch: LoadBatch): void {
		let previous = -1;
		let rows = 0;
		for (const record of batch.records) {
			const { index } = markOf(record.payload);
			const original = this.appended[index]?.record;
			const same =
				original !== undefined &&
				batch.table === original.table &&
				record.rows === original.rows &&
				Buffer.compare(record.payload, original.payload) === 0;
			// Told at once: an error thrown here would only look like an engine in a bad mood.
			if (!same) this.#error = new Error(`record ${index} came out different`);
			// Appends that wait for room may overtake each other.
			if (index <= previous && !this.#mayDrop) this.#error = new Error(`record ${index} came after ${previous}`);
			previous = index;
			rows += record.rows;
		}
		if (rows !== batch.rows) this.#error = new Error(`${batch.rows} rows of ${batch.table} announced, ${rows} came`);
		this.engine.load(batch);
	}

	async #settle(): Promise<void> {
		await new Promise((resolve) => setImmediate(resolve));
		if (this.#error !== undefined) throw this.#error;
	}
}
