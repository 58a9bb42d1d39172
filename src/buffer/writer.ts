/**
 * Group commit. Appends queue up; one commit writes everything that is waiting and syncs once, and only then are they
 * acknowledged. What arrives meanwhile forms the next commit, so the disk's own speed decides how many share a flush.
 *
 * A write or sync that fails leaves the state of the file's unsynced part unknown (a second fsync may report success for pages the
 * kernel already dropped), so the segment is abandoned: cut back to what earlier commits made durable, sealed, and never written again.
 */

import { join } from 'node:path';
import { Failure } from '../base/errors.ts';
import { SegmentCipher } from './encryption.ts';
import type { WritableFile } from './files.ts';
import type { BufferContext, Segment } from './options.ts';
import { type BufferRecord, encodeHeader, encodeRecord, segmentCreatedMs, segmentId } from './segment.ts';

interface Pending {
	readonly records: readonly BufferRecord[];
	readonly bytes: number;
	readonly resolve: () => void;
	readonly reject: (failure: Failure) => void;
}

interface OpenSegment extends Segment {
	readonly file: WritableFile;
	readonly cipher: SegmentCipher | undefined;
	cancelSeal: () => void;
}

/** How often an overdue segment asks whether the loader has come along. */
const OVERDUE_CHECK_MS = 50;

export interface NextStage {
	/** Takes a sealed segment. */
	offer(segment: Segment): void;
	/** True while there is no hurry to seal, as others are waiting already. */
	isBehind(): boolean;
}

export class SegmentWriter {
	readonly #context: BufferContext;
	readonly #next: NextStage;
	#pending: Pending[] = [];
	#open: OpenSegment | undefined;
	#sealDue = false;
	#working: Promise<void> | undefined;
	/** Segments being sealed, one after the other, while the next one is already written. */
	readonly #finishing = new Set<Segment>();
	#sealing: Promise<void> = Promise.resolve();
	#counter = 0;
	#lastCreatedMs: number;

	/** `newestMs`: creation time of the newest segment found on disk, so that ids sort even if the clock went back. */
	constructor(context: BufferContext, newestMs: number, next: NextStage) {
		this.#context = context;
		this.#next = next;
		this.#lastCreatedMs = newestMs;
	}

	/** Resolves when the records are on disk. `bytes`: of their payloads. */
	append(records: readonly BufferRecord[], bytes: number): Promise<void> {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		this.#pending.push({ records, bytes, resolve, reject });
		this.#context.stats.pendingBytes += bytes;
		this.#wake();
		return promise;
	}

	/** Commits what is waiting, seals, and hands the last segment on. */
	async close(): Promise<void> {
		this.#sealDue = true;
		this.#wake();
		while (this.#working !== undefined) await this.#working;
		await this.#sealing;
	}

	#wake(): void {
		if (this.#working !== undefined) return;
		this.#working = this.#work().finally(() => {
			this.#working = undefined;
			if (this.#pending.length > 0 || this.#sealDue) this.#wake();
		});
	}

	/** Never rejects: every error is given to the appends it concerns. */
	async #work(): Promise<void> {
		// A commit starts a moment later, so that appends made in the same turn share it.
		await Promise.resolve();
		while (this.#pending.length > 0 || this.#sealDue) {
			if (this.#sealDue && this.#open !== undefined) this.#seal();
			this.#sealDue = false;
			if (this.#pending.length > 0) await this.#commit();
		}
	}

	async #commit(): Promise<void> {
		const { limits, clock, stats, timer } = this.#context;
		if (limits.commitDelayMs > 0) await new Promise<void>((resolve) => void timer.after(limits.commitDelayMs, resolve));
		const batch = this.#takeBatch();
		let segment: OpenSegment | undefined;
		try {
			segment = this.#open ?? (await this.#create());
			const { parts, bytes, records } = encode(segment, batch);
			await segment.file.write(parts);
			const startMs = clock.monotonicMs();
			await segment.file.sync();
			if (segment.records === 0) await this.#context.files.syncDirectory(this.#context.directory);
			stats.syncs++;
			this.#context.onSync?.(clock.monotonicMs() - startMs);
			if (segment.records === 0) stats.segments++;
			stats.bytes += bytes;
			segment.bytes += bytes;
			segment.records += records;
		} catch (cause) {
			if (segment !== undefined) await this.#abandon(segment);
			stats.failedAppends += batch.length;
			const failure = diskFailure(cause, limits.retryAfterMs);
			this.#context.log.error({ error: cause, appends: batch.length }, failure.message);
			for (const append of batch) {
				stats.pendingBytes -= append.bytes;
				append.reject(failure);
			}
			return;
		}
		for (const append of batch) {
			this.#count(segment, append);
			append.resolve();
		}
		if (segment.bytes >= limits.segmentBytesMax) this.#sealDue = true;
	}

	#takeBatch(): Pending[] {
		let bytes = 0;
		let count = 0;
		for (; count < this.#pending.length; count++) {
			bytes += this.#pending[count]?.bytes ?? 0;
			if (count > 0 && bytes > this.#context.limits.commitBytesMax) break;
		}
		return this.#pending.splice(0, count);
	}

	#count(segment: OpenSegment, append: Pending): void {
		const { stats, accounts } = this.#context;
		stats.pendingBytes -= append.bytes;
		stats.appendedBytes += append.bytes;
		stats.appendedRecords += append.records.length;
		for (const { table, rows } of append.records) accounts.appended(segment, table, rows);
	}

	async #create(): Promise<OpenSegment> {
		const { directory, files, clock, random } = this.#context;
		this.#lastCreatedMs = Math.max(this.#lastCreatedMs, Math.floor(clock.nowMs()));
		const id = segmentId(this.#lastCreatedMs, this.#counter++, random(8));
		const path = join(directory, `${id}.seg`);
		const file = await files.create(path);
		const cipher = SegmentCipher.forWriting(this.#context.keys, id);
		const segment: OpenSegment = { id, path, bytes: 0, records: 0, rows: new Map(), file, cipher, cancelSeal: () => {} };
		this.#sealLater(segment);
		this.#open = segment;
		return segment;
	}

	#sealLater(segment: OpenSegment, afterMs: number = this.#context.limits.sealAfterMs): void {
		segment.cancelSeal = this.#context.timer.after(afterMs, () => {
			if (this.#next.isBehind()) return this.#sealLater(segment, Math.min(OVERDUE_CHECK_MS, afterMs));
			this.#sealDue = true;
			this.#wake();
		});
	}

	/** Takes the open segment out of use at once, and finishes it behind the back of the next commit. */
	#seal(): void {
		const segment = this.#open;
		if (segment === undefined) return;
		this.#open = undefined;
		segment.cancelSeal();
		this.#finishLater(segment);
	}

	#finishLater(segment: OpenSegment): void {
		this.#finishing.add(segment);
		this.#sealing = this.#sealing.then(() => this.#finish(segment));
	}

	async #finish(segment: OpenSegment): Promise<void> {
		const { directory, files, log } = this.#context;
		try {
			await segment.file.close();
			const sealed = join(directory, `${segment.id}.sealed`);
			await files.rename(segment.path, sealed);
			segment.path = sealed;
			await files.syncDirectory(directory);
		} catch (error) {
			// The records are durable whatever the file is called.
			log.warn({ error, segment: segment.id }, 'cannot rename a sealed segment; it is loaded under its old name');
		}
		this.#finishing.delete(segment);
		this.#next.offer(segment);
	}

	async #abandon(segment: OpenSegment): Promise<void> {
		const { files, log } = this.#context;
		this.#open = undefined;
		segment.cancelSeal();
		if (segment.records > 0) this.#finishing.add(segment);
		try {
			if (segment.records > 0) await files.truncate(segment.path, segment.bytes);
		} catch (error) {
			log.warn({ error, segment: segment.id }, 'cannot cut off what was not acknowledged; it may be loaded after a restart');
		}
		if (segment.records > 0) {
			this.#finishLater(segment);
			return;
		}
		try {
			await segment.file.close();
			await files.remove(segment.path);
		} catch (error) {
			log.warn({ error, segment: segment.id }, 'cannot delete a segment that holds nothing acknowledged');
		}
	}

	/** Segments that were not offered yet. */
	*segments(): Iterable<Segment> {
		if (this.#open !== undefined) yield this.#open;
		yield* this.#finishing;
	}
}

function encode(segment: OpenSegment, batch: readonly Pending[]): { parts: Uint8Array[]; bytes: number; records: number } {
	const { id, cipher } = segment;
	const parts: Uint8Array[] = segment.records === 0 ? [encodeHeader(segmentCreatedMs(id), cipher)] : [];
	let records = 0;
	for (const append of batch)
		for (const record of append.records) parts.push(...encodeRecord(id, record, segment.records + records++, cipher));
	return { parts, bytes: parts.reduce((sum, part) => sum + part.length, 0), records };
}

function diskFailure(cause: unknown, retryAfterMs: number): Failure {
	const code = (cause as NodeJS.ErrnoException | null)?.code;
	const hint =
		code === 'ENOSPC' || code === 'EDQUOT' ? 'free disk space below the data directory' : 'look at the disk below the data directory';
	const detail = code ?? (cause instanceof Error ? cause.message : String(cause));
	return new Failure('unavailable', `cannot write to the buffer: ${detail}`, { cause, retryAfterMs, hint });
}
