/**
 * `make bench-outage`: what a request of a service suffers while the receiver of its telemetry is down, for both kits and each kind of
 * outage: its p50 and p99 as its customers see them, the service's CPU time a request, the most memory it took, and how long it took to end.
 *
 * The service (bench/kits/go/serve, bench/kits/rust/examples/serve.rs) does 64 KiB of hashing, a span within the server's and a log line a
 * request. Customers visit two processes in turn, request by request: one whose receiver is well, one whose receiver is not. What else the
 * machine does falls on both alike. Pair after pair, round after round; ratios are within a pair, of all its requests but those of the
 * noisiest rounds. In one more pair both receivers are well: its ratio is the noise. `SECONDS=` bounds it (300), `RATE=` is requests a second
 * of a pair (1600).
 *
 * Last line: one JSON object, with the worst ratio of each kit. Report: bench/results/outage.json.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Running, run } from '../../tools/run/process.ts';
import { peakMiB } from '../ingest/processes.ts';
import { buildGo, drive, LOAD, median, quantileMs, rounded, type Window } from './drive.ts';
import { startReceivers } from './receivers.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SECONDS = Number(process.env['SECONDS'] ?? 300);
const RATE = Number(process.env['RATE'] ?? 1600);
const WINDOW_S = 4;
/** What a window takes beside its traffic. */
const WINDOW_OVERHEAD_S = 0.5;
const RATIO_MAX = 1.05;
const KITS = ['go', 'rust'] as const;
const NONE = 'none';

type KitName = (typeof KITS)[number];

/** One process in an outage, visited in turn with the one of its kit that is well. */
interface Subject {
	readonly kit: KitName;
	readonly outage: string;
	readonly process: Running;
	readonly well: Running;
	readonly books: string;
	readonly windows: Window[];
}

export interface OutageRow {
	readonly kit: KitName;
	readonly outage: string;
	readonly p50Ms: number;
	readonly p99Ms: number;
	readonly cpuMs: number;
	/** Of the process that was well at the same time. */
	readonly p50Ratio: number;
	readonly p99Ratio: number;
	readonly cpuRatio: number;
	readonly peakMiB: number;
	readonly endedMs: number;
	/** Created = exported + dropped + queued. */
	readonly balanced: boolean;
}

async function main(): Promise<void> {
	const binaries = build();
	const folder = mkdtempSync(join(tmpdir(), 'throughline-outage-'));
	const stops: (() => Promise<void>)[] = [];
	try {
		const receivers = await startReceivers();
		stops.push(() => receivers.close());
		const start = async (name: string, command: string, args: string[], env: Record<string, string>): Promise<Running> => {
			const logFile = join(folder, `${name}.log`);
			const running = await run({ name, command, args, env, ready: /ready (\S+)/, logFile, stopTimeoutMs: 30_000 });
			stops.push(() => running.stop());
			return running;
		};
		const sink = await start('sink', LOAD, ['sink'], {});
		const outages = new Map([...receivers.urls, [NONE, sink.ready[1] ?? '']]);
		const subjects: Subject[] = [];
		for (const kit of KITS) {
			const serve = (name: string, endpoint = ''): Promise<Running> =>
				start(`${kit} ${name}`, binaries[kit], [], { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, BOOKS: join(folder, `${kit} ${name}.json`) });
			const well = await serve('well', outages.get(NONE));
			for (const [outage, url] of outages)
				subjects.push({ kit, outage, process: await serve(outage, url), well, books: join(folder, `${kit} ${outage}.json`), windows: [] });
		}
		await play(subjects);
		const rows: OutageRow[] = [];
		for (const subject of subjects) rows.push(await rowOf(subject));
		report(rows);
	} finally {
		for (const stop of stops.toReversed()) await stop();
		rmSync(folder, { recursive: true, force: true });
	}
}

function build(): Record<KitName, string> {
	buildGo();
	const target = join(ROOT, 'target');
	const args = ['build', '--locked', '--release', '--example', 'serve', '--target-dir', target];
	execFileSync('cargo', args, { cwd: join(ROOT, 'bench/kits/rust'), stdio: 'inherit' });
	return { go: join(ROOT, 'bench/kits/go/bin/serve'), rust: join(target, 'release/examples/serve') };
}

async function play(subjects: readonly Subject[]): Promise<void> {
	const rounds = Math.max(2, Math.floor(SECONDS / (subjects.length * (WINDOW_S + WINDOW_OVERHEAD_S))));
	console.log(`${rounds} rounds of ${subjects.length} windows of ${WINDOW_S} s at ${RATE} requests/s`);
	for (let round = 0; round < rounds; round++) {
		for (const { process, well, windows } of subjects) {
			const pair = [well, process];
			const targets = pair.map(({ ready }) => ready[1] ?? '');
			windows.push(await drive({ targets, path: '/orders/7', ratePerSecond: RATE, seconds: WINDOW_S, pids: pair.map(({ pid }) => pid) }));
		}
		console.log(`round ${round + 1} of ${rounds} is done`);
	}
}

async function rowOf({ kit, outage, process, books, windows }: Subject): Promise<OutageRow> {
	const calm = calmest(windows);
	const cpuMs = (target: number): number =>
		median(calm.map((window) => (window.cpuMs[target] ?? 0) / (window.targets[target]?.micros.length ?? 1)));
	const [p50Ms, p99Ms] = [quantileMs(calm, 1, 0.5), quantileMs(calm, 1, 0.99)];
	const peak = peakMiB(process.pid);
	const signaledMs = performance.now();
	await process.stop();
	return rounded({
		kit,
		outage,
		p50Ms,
		p99Ms,
		cpuMs: cpuMs(1),
		p50Ratio: p50Ms / quantileMs(calm, 0, 0.5),
		p99Ratio: p99Ms / quantileMs(calm, 0, 0.99),
		cpuRatio: cpuMs(1) / cpuMs(0),
		peakMiB: peak,
		endedMs: performance.now() - signaledMs,
		balanced: isBalanced(JSON.parse(readFileSync(books, 'utf8')) as Books),
	});
}

/** Without the noisiest quarter of the rounds, as judged by the two processes together. */
function calmest(windows: readonly Window[]): Window[] {
	const noise = (window: Window): number => Math.max(quantileMs([window], 0, 0.99), quantileMs([window], 1, 0.99));
	return windows.toSorted((a, b) => noise(a) - noise(b)).slice(0, Math.ceil(windows.length * 0.75));
}

/** Of each signal: created, exported, dropped, queued. */
type Books = Readonly<Record<string, readonly [number, number, number, number]>>;

const isBalanced = (books: Books): boolean =>
	Object.values(books).every(([created, exported, dropped, queued]) => created > 0 && created === exported + dropped + queued);

function report(rows: readonly OutageRow[]): void {
	for (const row of rows)
		console.log(
			`${row.kit.padEnd(5)}${row.outage.padEnd(14)} p50 ${row.p50Ms} ms (${row.p50Ratio}), p99 ${row.p99Ms} ms (${row.p99Ratio}), ` +
				`CPU ${row.cpuMs} ms (${row.cpuRatio}), peak ${Math.round(row.peakMiB)} MiB, ended in ${Math.round(row.endedMs)} ms, ` +
				`books ${row.balanced ? 'balanced' : 'WRONG'}`,
		);
	mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
	writeFileSync(join(ROOT, 'bench/results/outage.json'), `${JSON.stringify(rows, null, '\t')}\n`);
	const summary = Object.fromEntries(KITS.map((kit) => [kit, summaryOf(rows.filter((row) => row.kit === kit))]));
	const met = Object.values(summary).every(({ worstP99Ratio }) => worstP99Ratio <= RATIO_MAX);
	console.log(JSON.stringify({ ...summary, most: RATIO_MAX, met, balanced: rows.every(({ balanced }) => balanced) }));
}

function summaryOf(rows: readonly OutageRow[]): {
	worstP99Ratio: number;
	noiseP99Ratio: number;
	worstCpuRatio: number;
	peakMiB: number;
	endedMs: number;
} {
	const worst = (of: (row: OutageRow) => number): number => Math.max(...rows.filter(({ outage }) => outage !== NONE).map(of));
	return {
		worstP99Ratio: worst((row) => row.p99Ratio),
		noiseP99Ratio: rows.find(({ outage }) => outage === NONE)?.p99Ratio ?? 0,
		worstCpuRatio: worst((row) => row.cpuRatio),
		peakMiB: worst((row) => row.peakMiB),
		endedMs: worst((row) => row.endedMs),
	};
}

await main();
