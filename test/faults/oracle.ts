/**
 * Knows every acknowledged span, one bit a request, and compares with what is stored. A stored span that was never acknowledged is fine
 * (its answer was lost on the way); one stored twice never is, as no request is sent twice.
 *
 * Damage on disk is the one thing that may lose data, and the platform must say exactly what: a row is forgiven only if it stands in the
 * bytes the platform has put into `quarantine/`, and the number of rows it reports must be theirs.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Store } from '../../src/store/client.ts';
import { EmbeddedEngine } from '../../src/store/embedded/supervisor.ts';
import { RUN_BYTES, SPANS_PER_TRACE, TRACES_PER_REQUEST } from './payload.ts';

/** One bit of a segment file that the run turned over. */
export interface Flip {
	readonly segment: string;
	readonly offset: number;
	readonly bit: number;
}

/** What stands beside quarantined bytes. */
interface Report {
	readonly segment: string;
	readonly offset: number;
	/** Table -> rows. */
	readonly rows: Readonly<Record<string, number>>;
}

export interface Verdict {
	readonly acknowledged: number;
	readonly stored: number;
	readonly missing: number;
	readonly duplicated: number;
	/** Rows the platform reports as lost to damage, and rows found in the bytes it shows for them. */
	readonly lostReported: number;
	readonly lostShown: number;
	/** Acknowledged rows among the latter that are not stored. */
	readonly lost: number;
	/** All spans there are, and how many summaries and rollups counted. */
	readonly rows: number;
	readonly summarised: number;
	readonly rolledUp: number;
}

const TRACES_PER_PAGE = 200_000;
const TRACE_ID_BYTES = 16;

export class Oracle {
	readonly #run: Buffer;
	#acknowledged = new Uint8Array(1024);
	#requests = 0;
	#lastTrace = 0;

	constructor(run: Buffer) {
		this.#run = run;
	}

	get acknowledged(): number {
		return this.#requests * TRACES_PER_REQUEST * SPANS_PER_TRACE;
	}

	/** The request whose first trace has this number was acknowledged. */
	acknowledge(firstTrace: number): void {
		const request = (firstTrace - 1) / TRACES_PER_REQUEST;
		if (request >> 3 >= this.#acknowledged.length) {
			const grown = new Uint8Array(Math.max(this.#acknowledged.length * 2, (request >> 3) + 1));
			grown.set(this.#acknowledged);
			this.#acknowledged = grown;
		}
		this.#acknowledged[request >> 3]! |= 1 << (request & 7);
		this.#requests++;
		this.#lastTrace = Math.max(this.#lastTrace, firstTrace + TRACES_PER_REQUEST - 1);
	}

	#isAcknowledged(trace: number): boolean {
		const request = Math.floor((trace - 1) / TRACES_PER_REQUEST);
		return ((this.#acknowledged[request >> 3] ?? 0) & (1 << (request & 7))) !== 0;
	}

	/** Opens the engine's folder, which nobody else may be using, and looks at every trace of the run. */
	async judge(dataDir: string, flips: readonly Flip[]): Promise<Verdict> {
		const shown = this.#quarantined(join(dataDir, 'buffer', 'quarantine'), flips);
		await using engine = await EmbeddedEngine.start({ dir: join(dataDir, 'engine') });
		await using store = new Store({ target: { kind: 'embedded', engine }, database: 'throughline' });
		const verdict = { stored: 0, missing: 0, duplicated: 0, lost: 0 };
		// Beyond the last acknowledged trace there may be others.
		for (let from = 1; from <= this.#lastTrace + TRACES_PER_PAGE; from += TRACES_PER_PAGE) {
			const page = await this.#page(store, from, from + TRACES_PER_PAGE);
			for (let trace = from; trace < from + TRACES_PER_PAGE; trace++) {
				const { rows, places } = page.get(trace) ?? { rows: 0, places: 0 };
				verdict.stored += rows;
				verdict.duplicated += rows - places;
				if (!this.#isAcknowledged(trace)) continue;
				verdict[shown.traces.has(trace) ? 'lost' : 'missing'] += SPANS_PER_TRACE - places;
			}
		}
		return {
			acknowledged: this.acknowledged,
			...verdict,
			lostReported: shown.reported,
			lostShown: shown.rows,
			...(await derived(store)),
		};
	}

	async #page(store: Store, from: number, to: number): Promise<Map<number, { rows: number; places: number }>> {
		const { columns, rowCount } = await store.queryColumns<{ trace: number[]; rows: number[]; places: number[] }>(
			`SELECT reinterpretAsUInt64(reverse(substring(trace_id, 9, 8))) AS trace, count() AS rows,
				bitCount(groupBitOr(bitShiftLeft(toUInt16(1), toUInt8(least(reinterpretAsUInt8(substring(span_id, 8, 1)), 15))))) AS places
			FROM spans WHERE trace_id >= toFixedString(unhex({from:String}), 16) AND trace_id < toFixedString(unhex({to:String}), 16)
			GROUP BY trace`,
			{ from: this.#traceId(from), to: this.#traceId(to) },
			{ timeoutMs: 120_000 },
		);
		if (rowCount === 0) return new Map();
		return new Map(columns.trace.map((trace, i) => [trace, { rows: columns.rows[i] ?? 0, places: columns.places[i] ?? 0 }]));
	}

	#traceId(trace: number): string {
		return this.#run.toString('hex') + trace.toString(16).padStart(16, '0');
	}

	/** What the platform says it lost, and the traces whose ids stand in the bytes it shows. */
	#quarantined(folder: string, flips: readonly Flip[]): { reported: number; rows: number; traces: Set<number> } {
		const traces = new Set<number>();
		let reported = 0;
		let rows = 0;
		for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
			const report = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report;
			reported += Object.values(report.rows).reduce((sum, count) => sum + count, 0);
			const bytes = readFileSync(join(folder, name.replace(/json$/, 'bytes')));
			for (const { segment, offset, bit } of flips) {
				const at = offset - report.offset;
				if (segment === report.segment && at >= 0 && at < bytes.length) bytes[at]! ^= 1 << bit;
			}
			for (let at = bytes.indexOf(this.#run); at >= 0; at = bytes.indexOf(this.#run, at + TRACE_ID_BYTES)) {
				traces.add(Number(bytes.readBigUInt64BE(at + RUN_BYTES)));
				rows++;
			}
		}
		return { reported, rows, traces };
	}
}

async function derived(store: Store): Promise<{ rows: number; summarised: number; rolledUp: number }> {
	const sum = async (sql: string): Promise<number> => (await store.query<{ total: number }>(sql)).rows[0]?.total ?? 0;
	return {
		rows: await sum('SELECT count() AS total FROM spans'),
		summarised: await sum('SELECT sum(span_count) AS total FROM trace_summaries'),
		rolledUp: await sum('SELECT sum(calls) AS total FROM span_rollup'),
	};
}
