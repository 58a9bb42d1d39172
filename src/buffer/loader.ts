/**
 * Hands sealed segments to the loader, oldest first, one at a time, for as long as it takes. A segment that keeps failing steps
 * behind the others after a few attempts, so that one which the engine chokes on does not hold up the rest.
 */

import { Failure } from '../base/errors.ts';
import type { Aside } from './aside.ts';
import type { BufferContext, SealedSegment, Segment } from './options.ts';
import { totalRows } from './options.ts';
import { damageOfSealed } from './recovery.ts';
import { type SegmentRecord, scanSegment, segmentCreatedMs } from './segment.ts';

const ATTEMPTS_IN_PLACE = 3;

export class SegmentLoader {
	readonly #context: BufferContext;
	readonly #aside: Aside;
	readonly #queue: { segment: Segment; attempts: number }[] = [];
	readonly #abort = new AbortController();
	#wakeUp: (() => void) | undefined;
	#finished: Promise<void>;
	/** Failed loads in a row, of whichever segments. */
	#failures = 0;

	constructor(context: BufferContext, aside: Aside, segments: readonly Segment[]) {
		this.#context = context;
		this.#aside = aside;
		for (const segment of segments) this.#queue.push({ segment, attempts: 0 });
		this.#finished = this.#run();
	}

	offer(segment: Segment): void {
		this.#queue.push({ segment, attempts: 0 });
		this.#wakeUp?.();
	}

	/** Sealed segments not yet loaded. */
	get backlog(): number {
		return this.#queue.length;
	}

	/** Creation time of the oldest of them. */
	oldestMs(): number {
		return this.#queue.reduce((oldest, { segment }) => Math.min(oldest, segmentCreatedMs(segment.id)), Number.POSITIVE_INFINITY);
	}

	/** Waits up to `drainMs` for the queue to empty, then aborts the running load and waits up to `abortMs` for it to return. */
	async close(drainMs: number, abortMs: number): Promise<void> {
		if (drainMs > 0) await this.#until(drainMs, () => this.#queue.length === 0);
		this.#abort.abort();
		this.#wakeUp?.();
		const { promise: late, resolve } = Promise.withResolvers<void>();
		const cancel = this.#context.timer.after(abortMs, resolve);
		await Promise.race([this.#finished, late]);
		cancel();
	}

	#drained: (() => void) | undefined;

	async #until(waitMs: number, done: () => boolean): Promise<void> {
		if (done()) return;
		const { promise, resolve } = Promise.withResolvers<void>();
		const cancel = this.#context.timer.after(waitMs, resolve);
		this.#drained = () => {
			if (done()) resolve();
		};
		await promise;
		cancel();
	}

	async #run(): Promise<void> {
		while (!this.#abort.signal.aborted) {
			const next = this.#queue[0];
			if (next === undefined) {
				this.#drained?.();
				await this.#sleep(undefined);
				continue;
			}
			next.attempts++;
			try {
				await this.#context.load(this.#view(next.segment), this.#abort.signal);
			} catch (error) {
				if (this.#abort.signal.aborted) return;
				if (!(await this.#failed(next.segment, error))) {
					this.#failures++;
					if (next.attempts % ATTEMPTS_IN_PLACE === 0) this.#queue.push(...this.#queue.splice(0, 1));
					await this.#sleep(this.#backoffMs(error));
				}
				continue;
			}
			this.#failures = 0;
			this.#shift(next.segment);
			await this.#loaded(next.segment);
		}
	}

	/** Takes the segment at the front out of the queue. */
	#shift(segment: Segment): void {
		const { stats } = this.#context;
		this.#queue.shift();
		stats.segments--;
		stats.bytes -= segment.bytes;
	}

	async #loaded(segment: Segment): Promise<void> {
		const { files, stats, log } = this.#context;
		stats.loadedSegments++;
		stats.loadedRows += totalRows(segment);
		try {
			await files.remove(segment.path);
		} catch (error) {
			log.warn({ error, segment: segment.id }, 'cannot delete a loaded segment; it is loaded again after a restart, and counts once');
		}
	}

	/** True when the segment is out of the way: dead-lettered. False when it is to be tried again. */
	async #failed(segment: Segment, error: unknown): Promise<boolean> {
		const { stats, log } = this.#context;
		stats.loadFailures++;
		if (!(error instanceof Failure) || error.retryable || error.code === 'cancelled') {
			log.warn({ error, segment: segment.id, failures: this.#failures + 1 }, 'cannot load a segment; it will be tried again');
			return false;
		}
		try {
			await this.#aside.deadLetter(segment, error);
		} catch (diskError) {
			log.error({ error: diskError, segment: segment.id }, 'cannot move a segment to dead-letter/; it will be tried again');
			return false;
		}
		this.#shift(segment);
		return true;
	}

	#backoffMs(error: unknown): number {
		const { loadRetryFirstMs, loadRetryMaxMs } = this.#context.limits;
		const grown = loadRetryFirstMs * 2 ** Math.min(this.#failures - 1, 30);
		const asked = error instanceof Failure ? (error.retryAfterMs ?? 0) : 0;
		return Math.min(Math.max(grown, asked), loadRetryMaxMs);
	}

	/** Until woken, closed or, when given, `waitMs` have passed; with a time it cannot be woken by new segments. */
	async #sleep(waitMs: number | undefined): Promise<void> {
		if (this.#abort.signal.aborted) return;
		const { promise, resolve } = Promise.withResolvers<void>();
		const cancel = waitMs === undefined ? undefined : this.#context.timer.after(waitMs, resolve);
		this.#wakeUp = () => {
			if (waitMs === undefined || this.#abort.signal.aborted) resolve();
		};
		await promise;
		this.#wakeUp = undefined;
		cancel?.();
	}

	#view(segment: Segment): SealedSegment {
		return {
			id: segment.id,
			createdMs: segmentCreatedMs(segment.id),
			bytes: segment.bytes,
			rows: segment.rows,
			read: () => this.#read(segment),
		};
	}

	async #read(segment: Segment): Promise<Map<string, SegmentRecord[]>> {
		const bytes = (await this.#readFile(segment)).subarray(0, segment.bytes);
		const scan = scanSegment(segment.id, bytes);
		// Damage known since recovery is set aside already; less than was there then is new.
		if (scan.records.length < segment.records) {
			await this.#aside.damaged(segment.id, bytes, damageOfSealed(scan, segment.bytes));
			segment.records = scan.records.length;
		}
		const byTable = new Map<string, SegmentRecord[]>();
		for (const record of scan.records) {
			const list = byTable.get(record.table);
			if (list === undefined) byTable.set(record.table, [record]);
			else list.push(record);
		}
		return byTable;
	}

	async #readFile(segment: Segment): Promise<Uint8Array> {
		try {
			return await this.#context.files.read(segment.path);
		} catch (cause) {
			if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
			throw new Failure('not_found', `segment file ${segment.path} is gone`, { cause });
		}
	}
}
