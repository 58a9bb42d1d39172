/**
 * What cannot be loaded is put aside, never thrown away unseen. Records the engine refuses for good go to `dead-letter/` as a segment of
 * their own, with `<id>.json` saying why; damaged bytes go to `quarantine/` with the same. `throughline buffer replay` moves dead letters
 * back; a batch that was refused whole keeps its id, so whatever had been loaded of it still counts once.
 */

import { join } from 'node:path';
import type { Failure } from '../base/errors.ts';
import { SegmentCipher } from './encryption.ts';
import type { BufferContext, Segment } from './options.ts';
import { type Damage, encodeSegment, poisonSegmentId, rowsByTable, type SegmentRecord } from './segment.ts';

/** `poison`: records the engine cannot read. `refused`: all records of a table, for whatever reason. */
export type DeadLetterKind = 'poison' | 'refused';

/** Folders below the buffer's own. */
export const DEAD_LETTER = 'dead-letter';
export const QUARANTINE = 'quarantine';

export class Aside {
	readonly #context: BufferContext;
	readonly #deadLetters: string;
	readonly #quarantine: string;

	constructor(context: BufferContext) {
		this.#context = context;
		this.#deadLetters = join(context.directory, DEAD_LETTER);
		this.#quarantine = join(context.directory, QUARANTINE);
	}

	async open(): Promise<void> {
		await this.#context.files.makeDirectory(this.#deadLetters);
		await this.#context.files.makeDirectory(this.#quarantine);
	}

	/** Writes `records` of a segment out of the way of the others. Repeating it overwrites. Throws when the disk does. */
	async deadLetter(
		segment: Segment,
		kind: DeadLetterKind,
		records: readonly SegmentRecord[],
		why: ReadonlyMap<number, Failure>,
	): Promise<void> {
		const { files, keys, stats, log, clock } = this.#context;
		const id = kind === 'poison' ? poisonSegmentId(segment.id) : segment.id;
		const tables = Array.from(rowsByTable(records), ([table, rows]) => {
			const of = records.filter((record) => record.table === table);
			const first = why.get(of[0]?.sequence ?? -1);
			return { table, records: of.length, rows, code: first?.code, message: first?.message };
		});
		const reason = { id, segment: segment.id, kind, tables, atMs: clock.nowMs() };
		await files.replace(join(this.#deadLetters, `${id}.json`), json(reason));
		await files.replace(join(this.#deadLetters, `${id}.sealed`), encodeSegment(id, records, SegmentCipher.forWriting(keys, id)));
		stats.deadLetterFiles++;
		stats.deadLetterRecords += records.length;
		log.error(reason, 'records cannot be loaded and were moved to dead-letter/');
		await this.#trim(this.#deadLetters);
	}

	/** Copies damaged stretches of a segment. Repeating it overwrites, so the same damage is kept once. */
	async damaged(id: string, bytes: Uint8Array, ranges: readonly Damage[]): Promise<void> {
		const { files, stats, log, clock } = this.#context;
		for (const range of ranges) {
			const name = join(this.#quarantine, `${id}-${range.offset}`);
			const reason = { segment: id, ...range, rows: Object.fromEntries(range.rows), atMs: clock.nowMs() };
			stats.quarantinedRanges++;
			stats.quarantinedBytes += range.bytes;
			stats.lostRecords += range.records ?? 1;
			log.error(reason, 'segment is damaged; the bytes are copied to quarantine/ and the rest is loaded');
			try {
				await files.replace(`${name}.bytes`, bytes.subarray(range.offset, range.offset + range.bytes));
				await files.replace(`${name}.json`, json(reason));
				await this.#trim(this.#quarantine);
			} catch (error) {
				// What can still be loaded matters more than the evidence.
				log.error({ error, segment: id, offset: range.offset }, 'cannot copy damaged bytes to quarantine/');
			}
		}
	}

	/** Deletes the oldest files of `directory` (names sort by age) until it is within the limit. */
	async #trim(directory: string): Promise<void> {
		const { files, limits, stats, log } = this.#context;
		try {
			const sized: { path: string; bytes: number }[] = [];
			for (const name of (await files.list(directory)).sort()) {
				const path = join(directory, name);
				sized.push({ path, bytes: await files.size(path) });
			}
			let total = sized.reduce((sum, file) => sum + file.bytes, 0);
			for (const { path, bytes } of sized) {
				if (total <= limits.asideBytesMax) break;
				await files.remove(path);
				total -= bytes;
				stats.asideDeletedFiles++;
				stats.asideDeletedBytes += bytes;
				log.error({ path, bytes }, 'deleted the oldest file put aside to stay within asideBytesMax');
			}
		} catch (error) {
			log.warn({ error, directory }, 'cannot tidy what was put aside');
		}
	}
}

function json(value: object): Uint8Array {
	return new TextEncoder().encode(`${JSON.stringify(value, null, '\t')}\n`);
}
