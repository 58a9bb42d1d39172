/**
 * The durable buffer between the receivers and the engine: what `append` has acknowledged survives any crash and reaches the loader
 * at least once. It knows records of bytes, not spans. `segment.ts` documents the files, `writer.ts` the commit, `recovery.ts` what
 * happens at start.
 */

import { assert, Failure } from '../base/errors.ts';
import { Accounts } from './accounts.ts';
import { Aside } from './aside.ts';
import { NO_KEYS } from './encryption.ts';
import { SegmentLoader } from './loader.ts';
import {
	type BufferContext,
	type BufferLimits,
	type BufferOptions,
	type BufferStats,
	DEFAULT_LIMITS,
	emptyCounters,
	type Segment,
} from './options.ts';
import { recoverSegments } from './recovery.ts';
import { type BufferRecord, segmentCreatedMs } from './segment.ts';
import { SegmentWriter } from './writer.ts';

export { DROP_REASONS, type DropReason, missingRows, type TableAccount } from './accounts.ts';
export { type Keyring, parseKeys } from './encryption.ts';
export type { BufferLimits, BufferOptions, BufferStats, LoadBatch, Loader } from './options.ts';
export { DEFAULT_LIMITS } from './options.ts';
export type { BufferRecord, SegmentRecord } from './segment.ts';

export interface CloseOptions {
	/** How long to let the loader work on what is left. What remains is loaded after the next start. */
	readonly drainMs?: number;
	/** How long an aborted load may take to return. */
	readonly abortMs?: number;
}

const FREE_SAMPLE_MS = 1_000;
/**
 * With more sealed segments than this in the loader's hands (one being loaded, one that follows it), age seals no more: the open one would only
 * wait, and a load costs much the same whatever it holds. So an engine that is slow gets fewer and larger segments, down to full ones.
 */
const BACKLOG_MAX = 1;

/** With `drop-oldest` a segment holds at most one in so many bytes of `bytesMax`. */
const SEGMENTS_MIN = 8;

export class SegmentBuffer {
	readonly #context: BufferContext;
	readonly #writer: SegmentWriter;
	readonly #loader: SegmentLoader;
	#closing: Promise<void> | undefined;
	#free: { sampledMs: number; bytes: number; appendedBytes: number } | undefined;
	#sampling: Promise<void> | undefined;

	private constructor(context: BufferContext, aside: Aside, recovered: readonly Segment[]) {
		this.#context = context;
		this.#loader = new SegmentLoader(context, aside, recovered);
		const newestMs = recovered.reduce((newest, { id }) => Math.max(newest, segmentCreatedMs(id)), 0);
		this.#writer = new SegmentWriter(context, newestMs, {
			offer: (segment) => this.#loader.offer(segment),
			isBehind: () => this.#loader.backlog > BACKLOG_MAX,
		});
	}

	/**
	 * Recovers what the directory holds and starts loading it. Reads every segment found, so it takes as long as reading the backlog.
	 * Throws what the file system throws, and `Failure` for segments of an unknown format version or
	 * encrypted with a key that is not there.
	 */
	static async open(options: BufferOptions): Promise<SegmentBuffer> {
		const limits = limitsFor(options.limits);
		const context: BufferContext = { ...options, limits, keys: options.keys ?? NO_KEYS, stats: emptyCounters(), accounts: new Accounts() };
		await context.files.makeDirectory(context.directory);
		const aside = new Aside(context);
		await aside.open();
		return new SegmentBuffer(context, aside, await recoverSegments(context, aside));
	}

	/**
	 * Resolves when all `records` are on disk; they lie in one segment, in this order. Their payloads must not change before.
	 * Throws `Failure`: `overloaded` before anything was accepted, `unavailable` when the disk fails or the buffer is closing. After
	 * `unavailable` a crash may still bring the records back: at least once, as with any sender that repeats itself.
	 */
	async append(records: readonly BufferRecord[]): Promise<void> {
		const bytes = records.reduce((sum, record) => sum + record.payload.length, 0);
		for (const record of records) assertFits(record);
		if (this.#freeIsStale()) await this.#sampleFree();
		if (this.#context.limits.whenFull === 'drop-oldest') await this.#makeRoom(bytes);
		if (this.#closing !== undefined)
			throw new Failure('unavailable', 'the buffer is closing', { retryAfterMs: this.#context.limits.retryAfterMs });
		if (records.length === 0) return;
		this.#admit(bytes);
		await this.#writer.append(records, bytes);
	}

	/** Refuses appends from now on, makes the pending ones durable, seals, and gives the loader a bounded time. Safe to call twice. */
	close(options: CloseOptions = {}): Promise<void> {
		this.#closing ??= this.#close(options.drainMs ?? 2_000, options.abortMs ?? 2_000);
		return this.#closing;
	}

	async #close(drainMs: number, abortMs: number): Promise<void> {
		await this.#writer.close();
		await this.#loader.close(drainMs, abortMs);
	}

	/** A snapshot. */
	stats(): BufferStats {
		const { stats, accounts, clock } = this.#context;
		const waiting = [...this.#writer.segments(), ...this.#loader.segments()];
		const oldestMs = waiting.reduce((oldest, { id }) => Math.min(oldest, segmentCreatedMs(id)), clock.nowMs());
		return { ...stats, oldestAgeMs: clock.nowMs() - oldestMs, accounts: accounts.snapshot(waiting) };
	}

	/** Drops segments until `bytes` more fit, unless they never would. */
	async #makeRoom(bytes: number): Promise<void> {
		const { bytesMax } = this.#context.limits;
		while (this.#closing === undefined && bytes <= bytesMax && this.#used() + bytes > bytesMax)
			if (!(await this.#loader.dropOldest())) return;
	}

	/** Bytes on disk and on the way there. */
	#used(): number {
		return this.#context.stats.bytes + this.#context.stats.pendingBytes;
	}

	/** Throws `overloaded` when `bytes` more would break a limit. */
	#admit(bytes: number): void {
		const { limits, stats } = this.#context;
		const used = this.#used() + bytes;
		const free = this.#free === undefined ? Number.POSITIVE_INFINITY : this.#free.bytes - (stats.appendedBytes - this.#free.appendedBytes);
		const full = used > limits.bytesMax;
		if (!full && free - stats.pendingBytes - bytes >= limits.freeBytesMin) return;
		stats.refusedAppends++;
		const message = full
			? `the buffer is full: ${used - bytes} of ${limits.bytesMax} bytes wait for the engine`
			: `the disk is nearly full: ${Math.max(0, Math.floor(free))} bytes left, ${limits.freeBytesMin} are kept free`;
		throw new Failure('overloaded', message, {
			retryAfterMs: limits.retryAfterMs,
			hint: full ? 'look why the engine does not keep up, or raise buffer.bytesMax' : 'free disk space below the data directory',
		});
	}

	#freeIsStale(): boolean {
		return this.#free === undefined || this.#context.clock.monotonicMs() - this.#free.sampledMs >= FREE_SAMPLE_MS;
	}

	/** Asks the disk, once for all who wait. A disk that does not say is not held against the sender: the write itself will tell. */
	#sampleFree(): Promise<void> {
		const { files, directory, clock, stats, log } = this.#context;
		this.#sampling ??= files
			.freeBytes(directory)
			.catch((error: unknown) => {
				log.warn({ error }, 'cannot ask for the free disk space');
				return Number.POSITIVE_INFINITY;
			})
			.then((bytes) => {
				this.#free = { sampledMs: clock.monotonicMs(), bytes, appendedBytes: stats.appendedBytes };
				this.#sampling = undefined;
			});
		return this.#sampling;
	}
}

/** A buffer that drops its oldest segments must have some: the one being written cannot go. */
function limitsFor(given: Partial<BufferLimits> = {}): BufferLimits {
	const limits = { ...DEFAULT_LIMITS, ...given };
	if (limits.whenFull === 'reject') return limits;
	return { ...limits, segmentBytesMax: Math.min(limits.segmentBytesMax, Math.floor(limits.bytesMax / SEGMENTS_MIN)) };
}

/** What the segment format can hold. Checked here, as further down it would fail the appends of others too. */
function assertFits({ table, rows, payload }: BufferRecord): void {
	const tableBytes = Buffer.byteLength(table);
	assert(tableBytes > 0 && tableBytes <= 255, `a table name has 1 to 255 bytes, '${table}' has ${tableBytes}`);
	assert(Number.isInteger(rows) && rows >= 0 && rows < 2 ** 32, `rows is a 32-bit integer, not ${rows}`);
	assert(payload.length < 2 ** 32, `a payload is smaller than 4 GiB, not ${payload.length} bytes`);
}
