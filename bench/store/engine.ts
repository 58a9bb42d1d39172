/**
 * What the embedded engine costs: CPU to load a span with its views, memory, and how long the questions of the UI take.
 *
 *   node bench/store/engine.ts [spans, default 4000000]
 *
 * Made-up spans (src/store/engine-fixture.ts: eight to a trace, six attributes, about 250 bytes in the Native format) are loaded in
 * segments of 100 000, merges running, then each question is asked with the query condition cache off. The last line is one JSON
 * object; figures are of this machine and of whatever else ran on it.
 */

import { readFileSync } from 'node:fs';
import { SPANS } from '../../src/model/schema.ts';
import { type EngineFixture, madeUpSpans, nativeBytes, selectColumns, startFixture } from '../../src/store/engine-fixture.ts';
import { load } from '../../src/store/load.ts';

interface Times {
	readonly min: number;
	readonly p50: number;
	readonly p95: number;
}

const SEGMENT = 100_000;
const TRACES_PER_SECOND = 100;
const REPEATS = 15;
const HOUR = 3600;

const spans = Number(process.argv.slice(2).find((argument) => /^\d+$/.test(argument)) ?? 4_000_000);
await using fixture = await startFixture();
const loading = await loadAll(fixture, spans);
const latency = await askAll(fixture, spans);
const merging = await settle(fixture);
const settled = await askAll(fixture, spans);
const disk = await fixture.store.query<{ name: string; bytes: number }>(
	"SELECT table AS name, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = 'throughline' GROUP BY table",
);
const bytesPerSpan = Object.fromEntries(disk.rows.map((row) => [row.name, round(row.bytes / spans)]));
console.log(
	JSON.stringify({
		spans,
		...loading,
		mergeCpuMicrosPerSpan: merging,
		bytesPerSpan,
		latencyMs: latency,
		latencySettledMs: settled,
		rssPeakMiB: peak(),
	}),
);

async function loadAll({ engine, store }: EngineFixture, count: number): Promise<Record<string, number>> {
	const cpu = processCpuMs(engine.pid);
	let wallMs = 0;
	let generateCpuMs = 0;
	for (let from = 0; from < count; from += SEGMENT) {
		const generateFrom = processCpuMs(engine.pid);
		const segment = await nativeBytes(engine, spansFrom(from));
		generateCpuMs += processCpuMs(engine.pid) - generateFrom;
		const begun = performance.now();
		await load(store, SPANS, [segment], `bench-${from}`);
		wallMs += performance.now() - begun;
	}
	// Merges run on while segments are made, so their share of that time is lost here; settle() counts what is left over.
	const loadCpuMs = processCpuMs(engine.pid) - cpu - generateCpuMs;
	return { loadWallMicrosPerSpan: round((wallMs * 1000) / count), loadCpuMicrosPerSpan: round((loadCpuMs * 1000) / count) };
}

function spansFrom(offset: number): string {
	const madeUp = madeUpSpans(SEGMENT, 1_790_000_000 + offset / 8 / TRACES_PER_SECOND, TRACES_PER_SECOND);
	return selectColumns(SPANS, madeUp.expressions, madeUp.source);
}

async function askAll({ store }: EngineFixture, count: number): Promise<Record<string, Times>> {
	const end = 1_790_000_000 + count / 8 / TRACES_PER_SECOND;
	const settings = { use_query_condition_cache: 0 };
	const ids = await store.query<{ id: string }>(
		'SELECT lower(hex(trace_id)) AS id FROM trace_summaries ORDER BY sipHash64(trace_id) LIMIT 15',
	);
	const range = { from: (end - HOUR) * 1000, to: end * 1000 };
	const within = 'start_time >= fromUnixTimestamp64Milli({from:Int64}) AND start_time < fromUnixTimestamp64Milli({to:Int64})';
	const questions: Readonly<Record<string, (turn: number) => Promise<unknown>>> = {
		'trace by id': (turn) =>
			store.queryColumns(
				`WITH (SELECT (min(start_time), max(end_time)) FROM trace_summaries WHERE trace_id = unhex({id:String})) AS bounds
				SELECT span_id, parent_span_id, service_name, name, kind, status_code, start_time, duration_ns FROM spans
				WHERE trace_id = unhex({id:String}) AND start_time BETWEEN bounds.1 AND bounds.2 ORDER BY start_time`,
				{ id: ids.rows[turn % ids.rows.length]?.id },
				{ settings },
			),
		'latest 50 traces, last hour': () =>
			store.query(
				`SELECT lower(hex(trace_id)) AS id, root_service, root_name, start_time, duration_ns, service_spans FROM traces WHERE trace_id IN (
					SELECT trace_id FROM trace_summaries WHERE ${within} GROUP BY trace_id ORDER BY min(start_time) DESC LIMIT 50)
				ORDER BY start_time DESC`,
				range,
				{ settings },
			),
		'latest 50 traces of a service, last hour': () =>
			store.query(
				`SELECT lower(hex(trace_id)) AS id, root_service, root_name, start_time, duration_ns, service_spans FROM traces WHERE trace_id IN (
					SELECT trace_id FROM spans WHERE service_name = 'service-3' AND ${within} ORDER BY start_time DESC LIMIT 1 BY trace_id LIMIT 50)
				ORDER BY start_time DESC`,
				range,
				{ settings },
			),
		'services page, last hour': () =>
			store.query(
				`SELECT service_name, toStartOfMinute(minute) AS step, sum(calls) AS calls, sum(errors) AS errors, sumMap(latency) AS latency, max(language) AS language
				FROM service_rollup_1m WHERE minute >= toDateTime({from:Int64} / 1000) AND minute < toDateTime({to:Int64} / 1000) AND kind IN (2, 5)
				GROUP BY service_name, step`,
				range,
				{ settings },
			),
	};
	const figures: Record<string, Times> = {};
	for (const [name, ask] of Object.entries(questions)) {
		await ask(0);
		const times: number[] = [];
		for (let turn = 0; turn < REPEATS; turn++) {
			const begun = performance.now();
			await ask(turn);
			times.push(performance.now() - begun);
		}
		times.sort((a, b) => a - b);
		figures[name] = {
			min: round(times[0] ?? 0),
			p50: round(times[Math.floor(REPEATS / 2)] ?? 0),
			p95: round(times[Math.floor(REPEATS * 0.95)] ?? 0),
		};
	}
	return figures;
}

/** Lets the background merges come to rest; answers their CPU for each span. */
async function settle({ engine, store }: EngineFixture): Promise<number> {
	const cpu = processCpuMs(engine.pid);
	for (let quiet = 0; quiet < 5; ) {
		const merges = await store.query<{ running: number }>('SELECT count() AS running FROM system.merges');
		quiet = merges.rows[0]?.running === 0 ? quiet + 1 : 0;
		await new Promise((resolve) => setTimeout(resolve, 500));
	}
	return round(((processCpuMs(engine.pid) - cpu) * 1000) / spans);
}

/** User and system time; fields 14 and 15 of /proc/pid/stat in ticks of 10 ms. */
function processCpuMs(pid: number | undefined): number {
	const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
	const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) * 10;
}

function peak(): number {
	const status = readFileSync(`/proc/${fixture.engine.pid}/status`, 'utf8');
	return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

function round(value: number): number {
	return Math.round(value * 100) / 100;
}
