/**
 * What the kept tier costs and gives: CPU to roll a span over, bytes a span before and after, and the questions of the UI asked of the
 * live table alone, of the view while everything is live, and of the view when everything is kept.
 *
 *   node bench/store/tiers.ts [spans, default 500000]
 *
 * Spans are those of the decode benchmark: 492 bytes on the wire, 11 attributes of 97 keys, ten to a trace, random ids, within one hour.
 * CPU is of the engine's process, times are the best of some; the last line is one JSON object.
 */

import { readFileSync } from 'node:fs';
import { FIRST_HOUR, HOUR_S, TiersFixture } from '../../src/derive/tiers/tiers-fixture.ts';
import { Block } from '../../src/model/block.ts';
import { encodeNative } from '../../src/model/native.ts';
import { SPANS } from '../../src/model/schema.ts';
import { createDecoder } from '../../src/otlp/decode.ts';
import type { Plan } from '../../src/query/plan.ts';
import { traceColumnsPlan, traceSpansPlan } from '../../src/query/trace.ts';
import { slicesOf, type TraceSearch, traceKeysPlan } from '../../src/query/trace-search.ts';
import { startFixture } from '../../src/store/engine-fixture.ts';
import { useOneStringStream } from '../../src/store/schema/string-stream.ts';
import { traceRequests } from '../decode/requests.ts';

const SPANS_PER_REQUEST = 512;
const REQUESTS_PER_SEGMENT = 96;
const REPEATS = 7;
/** Where the requests' times begin. */
const STARTS_MS = 1_700_000_000_000;

const requested = Number(process.argv.slice(2).find((argument) => /^\d+$/.test(argument)) ?? 500_000);
await using engine = await startFixture();
await useOneStringStream(engine.store);
const tiers = new TiersFixture(engine);
const spans = await loadAll();
await settle();
const searches = await questions();
const liveOnly = await askAll((sql) => sql.replaceAll('FROM spans\n', 'FROM spans_live\n'));
const viewOfLive = await askAll();
const liveBytes = await bytesPerSpan('spans_live');

tiers.nowS = FIRST_HOUR + HOUR_S;
// The spans are years old.
const retentionDays = { spans: 36_500, logs: 36_500, metrics: 36_500, rollups: 36_500 };
const rollOverCpu = await cpuOf(() => tiers.run({ retentionDays }));
const partsCopied = await partsKept();
const rollOverMergeCpu = await cpuOf(settle);
const deleteCpu = await cpuOf(() => tiers.run({ retentionDays }));
const keptBytes = await bytesPerSpan('spans_kept');
const viewOfKept = await askAll();
console.log(
	JSON.stringify({
		spans,
		rollOverCpuMicrosPerSpan: perSpan(rollOverCpu),
		mergeAfterCpuMicrosPerSpan: perSpan(rollOverMergeCpu),
		deleteCpuMicrosPerSpan: perSpan(deleteCpu),
		keptParts: { copied: partsCopied, merged: await partsKept() },
		bytesPerSpan: { live: liveBytes, kept: keptBytes },
		questions: { liveOnly, viewOfLive, viewOfKept },
		rssPeakMiB: Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${engine.engine.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024),
	}),
);

async function loadAll(): Promise<number> {
	const block = new Block(SPANS.columns);
	const decoder = createDecoder('traces', block);
	const bodies = traceRequests(Math.ceil(requested / SPANS_PER_REQUEST), SPANS_PER_REQUEST, 1);
	for (let from = 0; from < bodies.length; from += REQUESTS_PER_SEGMENT) {
		block.reset();
		for (const body of bodies.slice(from, from + REQUESTS_PER_SEGMENT)) decoder.decode(body, 'protobuf', STARTS_MS);
		await tiers.load(SPANS, encodeNative(block));
	}
	return bodies.length * SPANS_PER_REQUEST;
}

async function questions(): Promise<Readonly<Record<string, Plan<unknown>>>> {
	const { rows } = await engine.store.query<{ traceId: string; startNs: string; endNs: string }>(
		`SELECT lower(hex(trace_id)) AS traceId, toString(toUnixTimestamp64Nano(start_time)) AS startNs, toString(toUnixTimestamp64Nano(end_time)) AS endNs
FROM trace_summaries ORDER BY sipHash64(trace_id) LIMIT 1`,
	);
	const trace = rows[0] as { traceId: string; startNs: string; endNs: string };
	const range = { fromMs: STARTS_MS, toMs: STARTS_MS + HOUR_S * 1_000 };
	const search = (span: TraceSearch['span']): Plan<unknown> => {
		const whole: TraceSearch = { range, span, sort: 'duration' };
		return traceKeysPlan(whole, slicesOf(whole)[0] ?? { fromNs: 0n, toNs: 0n }, 50);
	};
	return {
		'trace, columns of the waterfall': traceColumnsPlan(trace),
		'trace, whole spans': traceSpansPlan(trace, 1_000),
		'traces of a service with errors': search({ service: 'service-3', status: 'error' }),
		'traces with an attribute': search({ attributes: [{ key: 'http.request.field_0', value: 'GET-12' }] }),
	};
}

/** Best time in the engine, CPU of one, rows read. */
async function askAll(
	rewrite: (sql: string) => string = (sql) => sql,
): Promise<Record<string, { ms: number; cpuMs: number; rows: number }>> {
	const figures: Record<string, { ms: number; cpuMs: number; rows: number }> = {};
	for (const [name, { sql, params }] of Object.entries(searches)) {
		const ask = () => engine.store.query(rewrite(sql), params, { settings: { use_query_condition_cache: 0 } });
		let best = (await ask()).elapsedMs;
		let rows = 0;
		const cpuMs = await cpuOf(async () => {
			for (let turn = 0; turn < REPEATS; turn++) {
				const answer = await ask();
				best = Math.min(best, answer.elapsedMs);
				rows = answer.rowsRead;
			}
		});
		figures[name] = { ms: round(best), cpuMs: round(cpuMs / REPEATS), rows };
	}
	return figures;
}

async function partsKept(): Promise<number> {
	const { rows } = await engine.store.query<{ parts: number }>(
		"SELECT count() AS parts FROM system.parts WHERE active AND table = 'spans_kept'",
	);
	return rows[0]?.parts ?? 0;
}

async function bytesPerSpan(table: string): Promise<number> {
	const { rows } = await engine.store.query<{ bytes: number }>(
		`SELECT sum(bytes_on_disk) / sum(rows) AS bytes FROM system.parts WHERE active AND database = 'throughline' AND table = '${table}'`,
	);
	return round(rows[0]?.bytes ?? 0);
}

/** Until the background merges have come to rest. */
async function settle(): Promise<void> {
	for (let quiet = 0; quiet < 5; ) {
		const merges = await engine.store.query<{ running: number }>('SELECT count() AS running FROM system.merges');
		quiet = merges.rows[0]?.running === 0 ? quiet + 1 : 0;
		await new Promise((resolve) => setTimeout(resolve, 500));
	}
}

/** Milliseconds of user and system time of the engine; fields 14 and 15 of /proc/pid/stat in ticks of 10 ms. */
async function cpuOf(action: () => Promise<unknown>): Promise<number> {
	const spent = () => {
		const text = readFileSync(`/proc/${engine.engine.pid}/stat`, 'utf8');
		const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
		return (Number(fields[11]) + Number(fields[12])) * 10;
	};
	const before = spent();
	await action();
	return spent() - before;
}

function perSpan(cpuMs: number): number {
	return round((cpuMs * 1_000) / spans);
}

function round(value: number): number {
	return Math.round(value * 100) / 100;
}
