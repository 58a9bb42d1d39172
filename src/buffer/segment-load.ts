/**
 * One segment's way into the engine. Each table's records go as one batch under the segment's id, so loading them again changes nothing.
 *
 * When the engine refuses a batch, the records it cannot read are found by checks that store nothing (`poison.ts`), and the others are
 * loaded without them, still under the segment's id: as long as a poisoned record was among them nothing was stored under it, so the
 * token has named the same rows from the first success on, whatever crashes lie between. Nothing about the search is on disk:
 * after a crash it is made again and finds the same.
 *
 * A batch that is refused although its records can be read (a table that is missing, a view that fails) may be in the engine in part.
 * It is tried a few more times, as the cause may go away, and then put aside whole, under its id, so that it counts once when it is replayed.
 */

import { Failure } from '../base/errors.ts';
import type { Aside } from './aside.ts';
import type { BufferContext, LoadBatch, Segment } from './options.ts';
import { findPoison, isRefusal } from './poison.ts';
import { damageOfSealed } from './recovery.ts';
import { scanSegment } from './scan.ts';
import { rowsByTable, type SegmentRecord } from './segment.ts';

/** Attempts of a batch the engine refuses without saying that its bytes are at fault: 25 s with the default pauses. */
const REFUSALS_MAX = 8;

export class SegmentLoad {
	readonly segment: Segment;
	/** Monotonic time from which its age counts. */
	readonly agedFromMs: number;
	attempts = 0;
	readonly #context: BufferContext;
	readonly #aside: Aside;
	#refusals = 0;
	/** Tables whose good records are in the engine. */
	readonly #settled = new Set<string>();
	/** Sequence -> why, of records to be put aside: those that cannot be read, and those of a batch refused whole. */
	readonly #poison = new Map<number, Failure>();
	readonly #refused = new Map<number, Failure>();

	constructor(context: BufferContext, aside: Aside, segment: Segment, agedFromMs: number) {
		this.#context = context;
		this.#aside = aside;
		this.segment = segment;
		this.agedFromMs = agedFromMs;
	}

	/** Resolves when every record is in the engine or put aside. Throws what calls for another attempt, which goes on where this one stopped. */
	async attempt(signal: AbortSignal): Promise<void> {
		this.attempts++;
		const records = await this.#read();
		for (const [table, list] of Map.groupBy(records, (record) => record.table))
			if (!this.#settled.has(table)) await this.#load(table, list, signal);
		await this.#putAside(records);
	}

	async #load(table: string, records: readonly SegmentRecord[], signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		const readable = records.filter(({ sequence }) => !this.#poison.has(sequence));
		try {
			await this.#context.loader.load(this.#batch(table, readable), signal);
		} catch (error) {
			if (!isRefusal(error)) throw error;
			const found = await findPoison(readable, (some) => this.#context.loader.check(this.#batch(table, some), signal));
			// All of them: it may well be the engine. None of them: it is not their bytes.
			if (found.size > 0 && found.size < readable.length) {
				for (const [sequence, why] of found) this.#poison.set(sequence, why);
				await this.#load(table, records, signal);
				return;
			}
			if (error.code !== 'malformed' && ++this.#refusals < REFUSALS_MAX) throw error;
			for (const { sequence } of readable) this.#refused.set(sequence, error);
			this.#settled.add(table);
			return;
		}
		this.#context.accounts.loaded(this.segment, table, rowsOf(readable));
		this.#settled.add(table);
	}

	async #putAside(records: readonly SegmentRecord[]): Promise<void> {
		const { accounts } = this.#context;
		for (const [kind, set] of [
			['poison', this.#poison],
			['refused', this.#refused],
		] as const) {
			const some = records.filter(({ sequence }) => set.has(sequence));
			if (some.length === 0) continue;
			await this.#aside.deadLetter(this.segment, kind, some, set);
			for (const [table, rows] of rowsByTable(some)) accounts.dropped(this.segment, table, rows, 'dead_letter');
			set.clear();
		}
	}

	#batch(table: string, records: readonly SegmentRecord[]): LoadBatch {
		return { token: this.segment.id, table, rows: rowsOf(records), records };
	}

	/** The readable records; what is known to have been there and is not any more is counted. */
	async #read(): Promise<readonly SegmentRecord[]> {
		const { segment } = this;
		const { files, keys, log } = this.#context;
		let bytes: Uint8Array;
		try {
			bytes = (await files.read(segment.path)).subarray(0, segment.bytes);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
			log.error({ segment: segment.id, path: segment.path }, 'a segment was deleted before it was loaded');
			bytes = new Uint8Array();
		}
		const scan = scanSegment(segment.id, bytes, keys);
		if (scan.records.length < segment.records) {
			await this.#aside.damaged(segment.id, bytes, damageOfSealed(scan, segment.bytes));
			segment.records = scan.records.length;
		}
		this.#reckon(scan.records);
		return scan.records;
	}

	/** Brings the segment's rows in line with what can be read of it. */
	#reckon(records: readonly SegmentRecord[]): void {
		const { accounts } = this.#context;
		const left = rowsByTable(records.filter(({ table, sequence }) => !this.#settled.has(table) || this.#isAside(sequence)));
		for (const table of new Set([...left.keys(), ...this.segment.rows.keys()])) {
			const more = (left.get(table) ?? 0) - (this.segment.rows.get(table) ?? 0);
			// A segment that could not be read at start tells only now what it holds.
			if (more > 0) accounts.recovered(this.segment, table, more);
			else accounts.dropped(this.segment, table, -more, 'damage');
		}
	}

	#isAside(sequence: number): boolean {
		return this.#poison.has(sequence) || this.#refused.has(sequence);
	}
}

function rowsOf(records: readonly SegmentRecord[]): number {
	return records.reduce((sum, { rows }) => sum + rows, 0);
}
