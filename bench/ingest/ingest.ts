/**
 * What a span costs from the wire to a merged part, beside the OpenTelemetry Collector taking the same spans in the same run:
 * `make bench-ingest`. docs/bench-ingest.md explains the phases and what they found.
 *
 * Phases: CPU a span at a fixed rate, systems taking turns; where the time goes within the platform; the highest rate without loss;
 * a sustained run of SECONDS (60 unless told otherwise), after which the engine is waited for and its disk is read. RATE is the rate of the
 * first (20 000 spans/s), SUSTAINED that of the last (80 000), PHASES and MODES leave out the rest. Everything else is bounded by SECONDS too. The full report goes to
 * bench/results/ingest.json; the last line is one JSON object.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { build, type Programs } from './build.ts';
import { type Limits, measureLimits } from './limits.ts';
import { type Mode, type Offer, type Report, send } from './send.ts';
import { stageShares } from './stages.ts';
import { readStored, type Stored } from './stored.ts';
import {
	type Cpu,
	type System,
	type SystemName,
	startCollector,
	startThroughline,
	waitDelivered,
	waitQuiet,
	waitRolledOver,
} from './systems.ts';

const SECONDS = Number(process.env['SECONDS'] ?? 60);
const RATE = Number(process.env['RATE'] ?? 20_000);
const SUSTAINED = Number(process.env['SUSTAINED'] ?? 80_000);
const PHASES = new Set((process.env['PHASES'] ?? 'cpu,stages,rate,sustained,limits').split(','));
/** One measurement of the first phases. */
const UNIT_SECONDS = Math.max(2, SECONDS / 10);
const ROUNDS = 3;
/** V8 has compiled what it will after some seconds of traffic; Go's compiler is done before. */
const WARM_UP_SECONDS = 10;
const MODES: readonly Mode[] = [
	{ transport: 'grpc', gzip: false },
	{ transport: 'grpc', gzip: true },
	{ transport: 'http', gzip: false },
	{ transport: 'http', gzip: true },
];
const modes = MODES.filter((mode) => (process.env['MODES'] ?? nameOf(mode)).split(',').includes(nameOf(mode)));
const RATES = [20_000, 40_000, 60_000, 80_000, 100_000, 130_000, 160_000, 200_000];
/** A rate is held when no request is answered much later than it was due, and all is delivered soon after the last. */
const ACK_MAX_MS = 1000;
const CATCH_UP_MS = 10_000;
const DELIVER_MS = 60_000;
const QUIET_MS = 180_000;

/** Microseconds a span. */
interface CpuPerSpan extends Cpu {
	readonly mode: string;
	readonly report: Report;
	readonly delivered: boolean;
}

interface HighestRate {
	readonly spans_per_s: number;
	readonly report: Report | undefined;
	readonly stoppedBy: string;
}

interface Sustained {
	readonly report: Report;
	readonly cpu: Cpu;
	/** Until the engine had merged what it would in the live tier. */
	readonly cpuMerged: Cpu;
	readonly quiet: boolean;
	/** The engine's CPU for rolling everything over into the kept tier, and merging there. */
	readonly cpuRollOver: number;
	readonly rolledOver: boolean;
	readonly stored: Stored;
	readonly lost: number;
	readonly bytes_per_span: number;
	readonly bytes_per_span_all_tables: number;
	readonly rss_mib: number;
}

/** Spans each system has acknowledged so far. */
const acknowledged = new Map<System, number>();

const programs = build();
const platformFolder = join(programs.folder, 'platform');
mkdirSync(platformFolder, { recursive: true });
const loadBefore = loadavg();
const limits = PHASES.has('limits') ? await measureLimits() : undefined;
const cpu = PHASES.has('cpu') ? await measureCpu(programs) : undefined;
const stages = PHASES.has('stages') ? await measureStages(programs) : undefined;
const rates = PHASES.has('rate') ? await measureRates(programs) : undefined;
const sustained = PHASES.has('sustained') ? await sustain(programs) : undefined;
publish();

/** Every system is up, one at a time is under load: what disturbs the machine disturbs all of them. */
async function measureCpu(programs: Programs): Promise<Record<SystemName, CpuPerSpan[]>> {
	const systems = [
		await startThroughline(platformFolder),
		await startCollector('collector-forward', programs),
		await startCollector('collector-queue', programs),
	];
	const results: Record<SystemName, CpuPerSpan[]> = { throughline: [], 'collector-forward': [], 'collector-queue': [] };
	try {
		for (const mode of modes) {
			for (const system of systems)
				await offer(programs, system, { ...mode, rate: RATE, seconds: mode === modes[0] ? WARM_UP_SECONDS : UNIT_SECONDS });
			for (let round = 0; round < ROUNDS; round++)
				for (const system of systems) results[system.name].push(await costOf(programs, system, mode, UNIT_SECONDS));
		}
	} finally {
		for (const system of systems) await system.stop();
	}
	return results;
}

/** Sends, and keeps the account `settled` waits for. */
async function offer(programs: Programs, system: System, what: Offer): Promise<Report> {
	const report = await send(programs.load, system.endpoints, what);
	acknowledged.set(system, (acknowledged.get(system) ?? 0) + report.acknowledged);
	return report;
}

/** Resolves when all that was acknowledged has been delivered; false when it is not within the time. */
function settled(system: System, timeoutMs: number = DELIVER_MS): Promise<boolean> {
	return waitDelivered(system, acknowledged.get(system) ?? 0, timeoutMs);
}

async function costOf(programs: Programs, system: System, mode: Mode, seconds: number): Promise<CpuPerSpan> {
	await settled(system);
	const before = system.cpu();
	const report = await offer(programs, system, { ...mode, rate: RATE, seconds });
	const delivered = await settled(system);
	const cost = perSpan(before, system.cpu(), report.acknowledged);
	const name = nameOf(mode);
	console.log(
		`${system.name.padEnd(18)}${name.padEnd(10)} ${micros(cost.total)} us/span: process ${micros(cost.platform)}, load ${micros(cost.load)}, merges ${micros(cost.merges)}; ack p99 ${report.ack_p99_ms.toFixed(0)} ms`,
	);
	return { ...cost, mode: name, report, delivered };
}

function nameOf({ transport, gzip }: Mode): string {
	return `${transport}${gzip ? ' gzip' : ''}`;
}

function perSpan(before: Cpu, after: Cpu, spans: number): Cpu {
	const each = (name: keyof Cpu): number => (after[name] - before[name]) / spans;
	return { total: each('total'), platform: each('platform'), load: each('load'), merges: each('merges') };
}

/** A run of its own, as the profiler costs something itself: only shares are taken from it. */
async function measureStages(programs: Programs): Promise<Record<string, number>> {
	const profiles = join(programs.folder, 'profiles');
	rmSync(profiles, { recursive: true, force: true });
	const system = await startThroughline(platformFolder, { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${profiles}`] });
	try {
		const report = await send(programs.load, system.endpoints, {
			transport: 'grpc',
			gzip: false,
			rate: RATE,
			seconds: WARM_UP_SECONDS * 2,
		});
		await waitDelivered(system, report.acknowledged, DELIVER_MS);
	} finally {
		await system.stop();
	}
	return stageShares(profiles, 0.5);
}

/** Climbs until a rate is not held: something refused or lost, answers too late, or the engine falling behind. */
async function measureRates(programs: Programs): Promise<Record<SystemName, HighestRate>> {
	const found = {} as Record<SystemName, HighestRate>;
	for (const name of ['throughline', 'collector-forward', 'collector-queue'] as const) {
		const system = name === 'throughline' ? await startThroughline(platformFolder) : await startCollector(name, programs);
		let held: HighestRate = { spans_per_s: 0, report: undefined, stoppedBy: 'the end of the ladder' };
		try {
			await offer(programs, system, { transport: 'grpc', gzip: false, rate: RATE, seconds: WARM_UP_SECONDS });
			await settled(system);
			for (const rate of RATES) {
				const report = await offer(programs, system, { transport: 'grpc', gzip: false, rate, seconds: UNIT_SECONDS });
				const arrived = await settled(system, CATCH_UP_MS);
				const why = report.failed > 0 ? `${report.failed} spans refused: ${report.first_error}` : undefined;
				const late = report.ack_max_ms > ACK_MAX_MS ? `an answer after ${report.ack_max_ms.toFixed(0)} ms` : undefined;
				const stoppedBy = why ?? late ?? (arrived ? undefined : 'not all delivered in time');
				console.log(`${name.padEnd(18)}${rate} spans/s: ${stoppedBy ?? 'held'}; ack p99 ${report.ack_p99_ms.toFixed(0)} ms`);
				if (stoppedBy !== undefined) {
					held = { ...held, stoppedBy: `${rate} spans/s: ${stoppedBy}` };
					break;
				}
				held = { ...held, spans_per_s: rate, report };
			}
		} finally {
			await system.stop();
		}
		found[name] = held;
	}
	return found;
}

/** Spans of an hour ago, so that their hour has ended; the live window is ended afterwards, by a second start on the same data. */
async function sustain(programs: Programs): Promise<Sustained> {
	const spans = { transport: 'grpc', gzip: false, age: '1h' } as const;
	let system = await startThroughline(platformFolder);
	try {
		await offer(programs, system, { ...spans, rate: RATE, seconds: WARM_UP_SECONDS });
		const before = system.cpu();
		const probe = system.apiUrl ?? '';
		const report = await offer(programs, system, { ...spans, rate: SUSTAINED, seconds: SECONDS, probe });
		const sent = acknowledged.get(system) ?? 0;
		await settled(system);
		const cpu = perSpan(before, system.cpu(), report.acknowledged);
		const quiet = await waitQuiet(system, QUIET_MS);
		const cpuMerged = perSpan(before, system.cpu(), report.acknowledged);
		const peak = system.peakMiB();
		console.log(`sustained: ${JSON.stringify(report)}`);
		await system.stop();
		system = await startThroughline(platformFolder, {
			keep: true,
			env: { THROUGHLINE_STORAGE_LIVE_HOURS: '0', THROUGHLINE_STORAGE_JOB_EVERY_SECONDS: '2' },
		});
		const rolledOver = (await waitRolledOver(system, sent, QUIET_MS)) && (await waitQuiet(system, QUIET_MS));
		const { load, merges } = system.cpu();
		const rss_mib = Math.max(peak, system.peakMiB());
		await system.stop();
		const stored = await readStored(system.dataDir ?? '');
		return {
			report,
			cpu,
			cpuMerged,
			quiet,
			cpuRollOver: (load + merges) / sent,
			rolledOver,
			stored,
			lost: sent - stored.spans,
			bytes_per_span: (stored.bytes['spans_kept'] ?? Number.NaN) / stored.rows,
			bytes_per_span_all_tables: Object.values(stored.bytes).reduce((sum, table) => sum + table, 0) / stored.rows,
			rss_mib,
		};
	} finally {
		await system.stop();
	}
}

function publish(): void {
	const grpc = (name: SystemName): CpuPerSpan[] => cpu?.[name].filter(({ mode }) => mode === 'grpc') ?? [];
	const middle = (name: SystemName, part: keyof Cpu): number => median(grpc(name).map((cost) => cost[part]));
	const summary = {
		ack_cpu_us_per_span: round(middle('throughline', 'platform')),
		collector_forward_cpu_us_per_span: round(middle('collector-forward', 'total')),
		collector_queue_cpu_us_per_span: round(middle('collector-queue', 'total')),
		searchable_cpu_us_per_span: round(middle('throughline', 'load')),
		merged_cpu_us_per_span: round((sustained?.cpuMerged.total ?? Number.NaN) + (sustained?.cpuRollOver ?? Number.NaN)),
		live_merged_cpu_us_per_span: round(sustained?.cpuMerged.total ?? Number.NaN),
		rate_spans_per_s: rates?.throughline.spans_per_s ?? null,
		collector_forward_rate_spans_per_s: rates?.['collector-forward'].spans_per_s ?? null,
		collector_queue_rate_spans_per_s: rates?.['collector-queue'].spans_per_s ?? null,
		sustained_spans_per_s: round((sustained?.report.acknowledged ?? Number.NaN) / (sustained?.report.seconds ?? 1)),
		lost: sustained?.lost ?? null,
		ack_p99_ms: round(sustained?.report.ack_p99_ms ?? Number.NaN),
		searchable_p99_ms: round(sustained?.report.searchable_p99_ms ?? Number.NaN),
		bytes_per_span: round(sustained?.bytes_per_span ?? Number.NaN),
		bytes_per_span_all_tables: round(sustained?.bytes_per_span_all_tables ?? Number.NaN),
		rss_mib: round(sustained?.rss_mib ?? Number.NaN),
	};
	const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load_before: loadBefore, load_after: loadavg() };
	const results = resolve(import.meta.dirname, '../results');
	mkdirSync(results, { recursive: true });
	const report = { seconds: SECONDS, rate: RATE, machine, summary, cpu, stages, rates, sustained, limits };
	writeFileSync(join(results, 'ingest.json'), `${JSON.stringify(report, null, '\t')}\n`);
	printTable();
	console.log(JSON.stringify(summary));
}

function printTable(): void {
	const line = (label: string, values: readonly string[]): void =>
		console.log(`${label.padEnd(34)}${values.map((text) => text.padStart(20)).join('')}`);
	const names: readonly SystemName[] = ['throughline', 'collector-forward', 'collector-queue'];
	if (cpu !== undefined) {
		line('CPU us/span, median', names);
		for (const mode of new Set(cpu.throughline.map((cost) => cost.mode)))
			line(
				mode,
				names.map((name) => micros(median(cpu[name].filter((cost) => cost.mode === mode).map((cost) => cost.platform)))),
			);
		line('  then until searchable', [micros(median(cpu.throughline.map((cost) => cost.load)))]);
	}
	if (rates !== undefined)
		line(
			'highest rate without loss',
			names.map((name) => String(rates[name].spans_per_s)),
		);
	for (const [stage, share] of Object.entries(stages ?? {})) line(`  main thread: ${stage}`, [`${(share * 100).toFixed(1)} %`]);
	for (const [name, value] of Object.entries((limits ?? {}) as Partial<Limits>)) line(`  limit: ${name}`, [value.toFixed(2)]);
}

function median(values: readonly number[]): number {
	return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function micros(value: number): string {
	return value.toFixed(2);
}

/** NaN, which a phase left out leaves behind, becomes null in JSON. */
function round(value: number): number {
	return Math.round(value * 100) / 100;
}
