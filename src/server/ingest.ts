/**
 * From a request's bytes to the disk: requests are decoded into one open block for each signal; while one commit is being synced the
 * next block fills, so that dictionaries, encoding and the fsync are shared by everything that arrived meanwhile.
 */

import { ByteBuffer } from '../base/byte-buffer.ts';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Timer } from '../base/timer.ts';
import type { BufferRecord } from '../buffer/buffer.ts';
import { Block } from '../model/block.ts';
import { encodeNative } from '../model/native.ts';
import { type Signal, TABLES, type TableSpec } from '../model/schema.ts';
import { createDecoder, type Decoder } from '../otlp/decode.ts';
import type { Encoding, ExportResult, Ingest } from '../receive/ingest.ts';

/**
 * A commit waits for company until this long after the one before: under load requests share encoding, checksum, write and fsync, and a
 * disk is asked for at most fifty flushes a second. Whoever waited in vain, as one sender that sends the next request when the last is
 * answered always would, is not made to wait again for some commits. docs/decisions/013-ack-path.md
 */
const COMMIT_SPACING_MS = 20;
const COMMITS_WITHOUT_WAITING = 16;
/** Of these buffers one is being filled while others are written; a larger one than this was an outlier. */
const SPARE_MAX = 4;
const SPARE_BYTES_MAX = 8 * 1024 * 1024;

export interface IngestOptions {
	/** Makes records durable; resolves after the fsync. */
	readonly append: (records: readonly BufferRecord[]) => Promise<void>;
	/** Encoded bytes that may wait for the disk; beyond them requests are refused as overloaded. */
	readonly waitingBytesMax: number;
	readonly clock: Clock;
	readonly timer: Timer;
	readonly metrics: Metrics;
}

/** A disk that is behind by that much needs a moment, not a minute. */
const RETRY_AFTER_MS = 1_000;

interface Waiter {
	readonly result: ExportResult;
	settle(result: ExportResult): void;
	fail(error: unknown): void;
}

/** The block a signal's requests are being decoded into, and who waits for it. */
class OpenBlock {
	readonly spec: TableSpec;
	readonly block: Block;
	readonly decoder: Decoder;
	waiters: Waiter[] = [];

	constructor(spec: TableSpec) {
		this.spec = spec;
		this.block = new Block(spec.columns);
		this.decoder = createDecoder(spec.signal, this.block);
	}
}

export class BlockIngest implements Ingest {
	readonly #options: IngestOptions;
	readonly #open: Readonly<Record<Signal, OpenBlock>>;
	readonly #accepted;
	readonly #rejected;
	readonly #failed;
	readonly #commits = new Set<Promise<void>>();
	/** A commit is due in this turn of the event loop and takes along what arrives until then. */
	#scheduled = false;
	#lastCommitMs = Number.NEGATIVE_INFINITY;
	/** Commits that start without waiting, as waiting brought nothing. */
	#hurried = 0;
	#closed = false;
	/** Memory of encoded blocks that are on disk, for the next ones. */
	readonly #spare: ByteBuffer[] = [];
	#waitingBytes = 0;

	constructor(options: IngestOptions) {
		this.#options = options;
		this.#open = Object.fromEntries(TABLES.map((spec) => [spec.signal, new OpenBlock(spec)])) as Record<Signal, OpenBlock>;
		const { metrics } = options;
		this.#accepted = metrics.counter('throughline_ingest_accepted_total', 'Spans, log records and data points acknowledged as durable.', [
			'signal',
		]);
		this.#rejected = metrics.counter('throughline_ingest_rejected_total', 'Records refused one by one with partial_success.', [
			'signal',
			'reason',
		]);
		this.#failed = metrics.counter('throughline_ingest_failed_total', 'Records decoded but not made durable; their senders were told so.', [
			'signal',
		]);
	}

	async export(signal: Signal, encoding: Encoding, body: Uint8Array): Promise<ExportResult> {
		if (this.#closed) throw new Failure('unavailable', 'the platform is stopping', { retryAfterMs: 1000 });
		if (this.#waitingBytes > this.#options.waitingBytesMax)
			throw new Failure('overloaded', `the disk is behind: ${this.#waitingBytes} bytes wait to be written`, {
				retryAfterMs: RETRY_AFTER_MS,
			});
		const open = this.#open[signal];
		const result = open.decoder.decode(body, encoding, this.#options.clock.nowMs());
		for (const [reason, count] of result.rejections) this.#rejected.add(count, { signal, reason });
		if (result.accepted === 0) return result;
		return new Promise((settle, fail) => {
			open.waiters.push({ result, settle, fail });
			if (open.block.full) this.#start([open]);
			else this.#schedule();
		});
	}

	/** Refuses further requests and resolves when those accepted so far are answered. */
	async close(): Promise<void> {
		this.#closed = true;
		while (this.#scheduled || this.#commits.size > 0) {
			await Promise.all(this.#commits);
			await new Promise<void>((settle) => setImmediate(settle));
		}
	}

	/** The next commit starts when no other runs: what arrives during one fsync shares the next. */
	#schedule(): void {
		if (this.#scheduled || this.#commits.size > 0) return;
		this.#scheduled = true;
		const start = (): void => {
			this.#scheduled = false;
			this.#start(Object.values(this.#open));
		};
		const { clock, timer } = this.#options;
		const waitMs = this.#lastCommitMs + COMMIT_SPACING_MS - clock.monotonicMs();
		if (waitMs <= 0 || this.#hurried > 0) {
			if (this.#hurried > 0) this.#hurried--;
			setImmediate(start);
			return;
		}
		const alone = this.#waiting();
		timer.after(waitMs, () => {
			if (this.#waiting() === alone) this.#hurried = COMMITS_WITHOUT_WAITING;
			start();
		});
	}

	#waiting(): number {
		return Object.values(this.#open).reduce((sum, { waiters }) => sum + waiters.length, 0);
	}

	#start(blocks: readonly OpenBlock[]): void {
		const commit = this.#commit(blocks).finally(() => {
			this.#commits.delete(commit);
			if (Object.values(this.#open).some(({ waiters }) => waiters.length > 0)) this.#schedule();
		});
		this.#commits.add(commit);
	}

	/** Encodes and appends what the blocks hold, then answers whoever waited. Never rejects. */
	async #commit(blocks: readonly OpenBlock[]): Promise<void> {
		const records: BufferRecord[] = [];
		const buffers: ByteBuffer[] = [];
		this.#lastCommitMs = this.#options.clock.monotonicMs();
		const waiting: { signal: Signal; waiters: readonly Waiter[] }[] = [];
		for (const open of blocks) {
			if (open.waiters.length === 0) continue;
			waiting.push({ signal: open.spec.signal, waiters: open.waiters });
			open.waiters = [];
			const buffer = this.#spare.pop() ?? new ByteBuffer(0);
			buffers.push(buffer);
			records.push({ table: open.spec.table, rows: open.block.rows, payload: encodeNative(open.block, buffer) });
			open.block.reset();
		}
		if (records.length === 0) return;
		const bytes = records.reduce((sum, { payload }) => sum + payload.length, 0);
		this.#waitingBytes += bytes;
		try {
			await this.#options.append(records);
			for (const { signal, waiters } of waiting)
				for (const waiter of waiters) {
					this.#accepted.add(waiter.result.accepted, { signal });
					waiter.settle(waiter.result);
				}
		} catch (error) {
			for (const { signal, waiters } of waiting)
				for (const waiter of waiters) {
					this.#failed.add(waiter.result.accepted, { signal });
					waiter.fail(error);
				}
		} finally {
			this.#waitingBytes -= bytes;
		}
		for (const buffer of buffers) {
			if (this.#spare.length < SPARE_MAX && buffer.bytes.length <= SPARE_BYTES_MAX) this.#spare.push(buffer);
			// The memory of tens of megabytes now, not when the collector comes by.
			else buffer.bytes.buffer.transfer(0);
		}
	}
}
