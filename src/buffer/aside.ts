/**
 * What cannot be loaded is put aside, never thrown away unseen: segments the loader refuses for good go to `dead-letter/`, each
 * with `<id>.json` saying why; damaged bytes go to `quarantine/` with the same. To try a dead letter again, move its `.sealed` file back
 * into the buffer's directory and restart: its id is unchanged, so whatever had been loaded of it still counts once.
 */

import { join } from 'node:path';
import type { Failure } from '../base/errors.ts';
import type { BufferContext, Segment } from './options.ts';
import { totalRows } from './options.ts';
import type { Damage } from './segment.ts';

export class Aside {
	readonly #context: BufferContext;
	readonly #deadLetters: string;
	readonly #quarantine: string;

	constructor(context: BufferContext) {
		this.#context = context;
		this.#deadLetters = join(context.directory, 'dead-letter');
		this.#quarantine = join(context.directory, 'quarantine');
	}

	async open(): Promise<void> {
		await this.#context.files.makeDirectory(this.#deadLetters);
		await this.#context.files.makeDirectory(this.#quarantine);
	}

	/** Moves a segment out of the way of the others. Throws when the disk does. */
	async deadLetter(segment: Segment, why: Failure): Promise<void> {
		const { files, stats, log, clock, directory } = this.#context;
		const rows = Object.fromEntries(segment.rows);
		const reason = { segment: segment.id, code: why.code, message: why.message, rows, atMs: clock.nowMs() };
		await files.replace(join(this.#deadLetters, `${segment.id}.json`), json(reason));
		try {
			await files.rename(segment.path, join(this.#deadLetters, `${segment.id}.sealed`));
		} catch (error) {
			// Somebody deleted the file: the reason beside it is all that can be kept.
			if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		}
		await files.syncDirectory(this.#deadLetters);
		await files.syncDirectory(directory);
		stats.deadLetterSegments++;
		stats.deadLetterRows += totalRows(segment);
		log.error(reason, 'segment cannot be loaded and was moved to dead-letter/');
		await this.#trim(this.#deadLetters);
	}

	/** Copies damaged stretches of a segment. Repeating it overwrites, so the same damage is kept once. */
	async damaged(id: string, bytes: Uint8Array, ranges: readonly Damage[]): Promise<void> {
		const { files, stats, log, clock } = this.#context;
		for (const range of ranges) {
			const name = join(this.#quarantine, `${id}-${range.offset}`);
			const reason = { segment: id, ...range, atMs: clock.nowMs() };
			stats.quarantinedRanges++;
			stats.quarantinedBytes += range.bytes;
			stats.lostRecords += range.records ?? 1;
			stats.lostRows += range.rows;
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
