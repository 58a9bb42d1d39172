/**
 * Hands sealed segments to the loader, oldest first, one at a time, for as long as it takes. A segment that keeps failing steps
 * behind the others after a few attempts, so that one which the engine chokes on does not hold up the rest.
 */

import { Failure } from '../base/errors.ts';
import type { Aside } from './aside.ts';
import type { BufferContext, Segment } from './options.ts';
import { segmentCreatedMs } from './segment.ts';
import { SegmentLoad } from './segment-load.ts';

const ATTEMPTS_IN_PLACE = 3;

export class SegmentLoader {
	readonly #context: BufferContext;
	readonly #aside: Aside;
	readonly #queue: SegmentLoad[] = [];
	readonly #abort = new AbortController();
	#loading: SegmentLoad | undefined;
	#wakeUp: (() => void) | undefined;
	#finished: Promise<void>;
	/** Failed loads in a row, of whichever segments. */
	#failures = 0;

	constructor(context: BufferContext, aside: Aside, segments: readonly Segment[]) {
		this.#context = context;
		this.#aside = aside;
		const { clock } = context;
		for (const segment of segments) {
			// Only what an earlier process left is dated by the clock on the wall, which somebody may have set meanwhile.
			const ageMs = Math.max(0, clock.nowMs() - segmentCreatedMs(segment.id));
			this.#queue.push(new SegmentLoad(context, aside, segment, clock.monotonicMs() - ageMs));
		}
		this.#finished = this.#run();
	}

	offer(segment: Segment): void {
		this.#queue.push(new SegmentLoad(this.#context, this.#aside, segment, this.#context.clock.monotonicMs()));
		this.#wakeUp?.();
	}

	/** Sealed segments not yet loaded. */
	get backlog(): number {
		return this.#queue.length;
	}

	/** Those segments. */
	*segments(): Iterable<Segment> {
		for (const { segment } of this.#queue) yield segment;
	}

	/** Drops the oldest segment that can be; false when there is none. */
	async dropOldest(): Promise<boolean> {
		const [first, ...others] = this.#droppable();
		if (first === undefined) return false;
		await this.#drop(
			others.reduce((oldest, entry) => (entry.segment.id < oldest.segment.id ? entry : oldest), first),
			'full',
		);
		return true;
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
			await this.#dropAged();
			const next = this.#queue[0];
			if (next === undefined) {
				this.#drained?.();
				await this.#sleep(undefined);
				continue;
			}
			this.#loading = next;
			try {
				await next.attempt(this.#abort.signal);
			} catch (error) {
				this.#loading = undefined;
				if (this.#abort.signal.aborted) return;
				this.#failures++;
				this.#context.stats.loadFailures++;
				this.#context.log.warn(
					{ error, segment: next.segment.id, failures: this.#failures },
					'cannot load a segment; it will be tried again',
				);
				if (next.attempts % ATTEMPTS_IN_PLACE === 0) this.#queue.push(...this.#queue.splice(0, 1));
				await this.#sleep(this.#backoffMs(error));
				continue;
			}
			this.#failures = 0;
			this.#takeOut(next);
			this.#loading = undefined;
			await this.#done(next.segment);
		}
	}

	#takeOut(entry: SegmentLoad): void {
		const { stats } = this.#context;
		this.#queue.splice(this.#queue.indexOf(entry), 1);
		stats.segments--;
		stats.bytes -= entry.segment.bytes;
	}

	/** Called between loads: a segment is dropped late rather than while the engine may be taking it. */
	async #dropAged(): Promise<void> {
		const { limits, clock } = this.#context;
		if (limits.ageMaxMs === 0) return;
		const oldestMs = clock.monotonicMs() - limits.ageMaxMs;
		// Meanwhile the oldest may have been dropped for want of room.
		for (const entry of this.#droppable().filter(({ agedFromMs }) => agedFromMs < oldestMs))
			if (this.#queue.includes(entry)) await this.#drop(entry, 'age');
	}

	/** Not the one being loaded, and none that could not be read yet: what it holds could not be counted. */
	#droppable(): SegmentLoad[] {
		return this.#queue.filter((entry) => entry !== this.#loading && entry.segment.records > 0);
	}

	async #drop(entry: SegmentLoad, reason: 'full' | 'age'): Promise<void> {
		const { files, accounts, log } = this.#context;
		const { id, path, rows, bytes } = entry.segment;
		log.error({ segment: id, reason, bytes, rows: Object.fromEntries(rows) }, 'dropped a segment that was not loaded');
		this.#takeOut(entry);
		accounts.droppedAll(entry.segment, reason);
		try {
			await files.remove(path);
		} catch (error) {
			log.warn({ error, segment: id }, 'cannot delete a dropped segment; it is loaded after a restart');
		}
	}

	async #done(segment: Segment): Promise<void> {
		const { files, stats, log } = this.#context;
		stats.loadedSegments++;
		try {
			await files.remove(segment.path);
		} catch (error) {
			log.warn({ error, segment: segment.id }, 'cannot delete a loaded segment; it is loaded again after a restart, and counts once');
		}
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
}
