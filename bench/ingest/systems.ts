/** The systems measured, behind one interface: where they take spans, what they cost, and when they have done with what they took. */

import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PlatformOptions, startPlatform } from '../../tools/run/platform.ts';
import { run } from '../../tools/run/process.ts';
import type { Programs } from './build.ts';
import { peakMiB, processCpuMicros, processTree, spent, type ThreadCpu, threadCpu } from './processes.ts';
import type { Mode } from './send.ts';

export type SystemName = 'throughline' | 'collector-forward' | 'collector-queue';

/** Microseconds of CPU since the process began, by what they went into. `total` is the kernel's account of all processes. */
export interface Cpu {
	readonly total: number;
	/** Throughline's own process: receive to acknowledged, and handing segments to the engine. */
	readonly platform: number;
	/** The engine's threads that load; and those that merge. */
	readonly load: number;
	readonly merges: number;
}

export interface System {
	readonly name: SystemName;
	readonly endpoints: Readonly<Record<Mode['transport'], string>>;
	readonly apiUrl?: string;
	readonly dataDir?: string;
	cpu(): Cpu;
	peakMiB(): number;
	/** Spans that have reached the end of the path: the sink's count, or rows in the engine. */
	delivered(): Promise<number>;
	stop(): Promise<void>;
}

/** Rarely, as answering costs the platform some milliseconds: a poll every 50 ms was a third of its CPU. */
const POLL_MS = 500;

/** Resolves when `count` spans were delivered; false when that takes too long. */
export async function waitDelivered(system: System, count: number, timeoutMs: number): Promise<boolean> {
	for (const until = performance.now() + timeoutMs; performance.now() < until; await sleep(POLL_MS))
		if ((await system.delivered()) >= count) return true;
	return false;
}

/** Resolves when the engine's merges have cost next to nothing for three seconds, or the time is up (then false). */
export async function waitQuiet(system: System, timeoutMs: number): Promise<boolean> {
	let quiet = 0;
	let before = system.cpu().merges;
	for (const until = performance.now() + timeoutMs; performance.now() < until; ) {
		await sleep(1000);
		const now = system.cpu().merges;
		quiet = now - before < 20_000 ? quiet + 1 : 0;
		before = now;
		if (quiet === 3) return true;
	}
	return false;
}

/** Background pools of the engine: merges and mutations, and the schedulers that start them. */
const MERGE_THREADS = /^(MergeMutate|Merge|Mutate|Fetch|Move|Common|BgSch|BgStrm|PoolDelay|Memory|Clean)/;

/** With `keep`, on the data of the run before. */
export async function startThroughline(folder: string, options: Partial<PlatformOptions> & { keep?: boolean } = {}): Promise<System> {
	const dataDir = join(folder, 'throughline');
	if (options.keep !== true) rmSync(dataDir, { recursive: true, force: true });
	const platform = await startPlatform({
		...options,
		dataDir,
		// Its own spans would be counted among those sent.
		env: { THROUGHLINE_TELEMETRY_TRACES: 'false', ...options.env },
		logFile: join(folder, 'throughline.log'),
	});
	const engines = processTree(platform.pid).slice(1);
	const engineCpu = (includes: (thread: string) => boolean) =>
		engines.reduce((sum, pid) => sum + spent(NOTHING, threadCpu(pid), includes), 0);
	return {
		name: 'throughline',
		endpoints: { grpc: hostOf(platform.otlpGrpcUrl), http: hostOf(platform.otlpHttpUrl) },
		apiUrl: platform.apiUrl,
		dataDir,
		cpu: () => ({
			total: [platform.pid, ...engines].reduce((sum, pid) => sum + processCpuMicros(pid), 0),
			platform: spent(NOTHING, threadCpu(platform.pid)),
			load: engineCpu((thread) => !MERGE_THREADS.test(thread)),
			merges: engineCpu((thread) => MERGE_THREADS.test(thread)),
		}),
		peakMiB: () => [platform.pid, ...engines].reduce((sum, pid) => sum + peakMiB(pid), 0),
		delivered: () => sample(platform.apiUrl, 'throughline_store_rows_total{signal="traces"}'),
		stop: onExit(() => platform.stop()),
	};
}

const NOTHING: ThreadCpu = new Map();

/** Resolves when every span is in the kept tier, as its own metrics say; false when that takes too long. */
export async function waitRolledOver(system: System, spans: number, timeoutMs: number): Promise<boolean> {
	for (const until = performance.now() + timeoutMs; performance.now() < until; await sleep(POLL_MS)) {
		const [kept, live] = await Promise.all(
			['kept', 'live'].map((tier) => sample(system.apiUrl ?? '', `throughline_store_table_rows{table="spans_${tier}"}`)),
		);
		if (kept === spans && live === 0) return true;
	}
	return false;
}

/** A value of the platform's metrics, 0 while it is not there. */
async function sample(apiUrl: string, name: string): Promise<number> {
	const text = await (await fetch(`${apiUrl}/metrics`)).text();
	const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
	return Number(line?.slice(name.length) ?? 0);
}

/** What was started is in process groups of its own, so whoever ends the benchmark early must not leave it behind. */
const running = new Set<() => Promise<void>>();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
	process.once(signal, () => void Promise.allSettled([...running].map((stop) => stop())).then(() => process.exit(1)));

function onExit(stop: () => Promise<void>): () => Promise<void> {
	const stopOnce = (): Promise<void> => {
		running.delete(stopOnce);
		return stop();
	};
	running.add(stopOnce);
	return stopOnce;
}

export async function startCollector(name: Exclude<SystemName, 'throughline'>, programs: Programs): Promise<System> {
	const logFile = join(programs.folder, `${name}.log`);
	const queueDir = join(programs.folder, 'queue');
	rmSync(queueDir, { recursive: true, force: true });
	mkdirSync(queueDir, { recursive: true });
	const sink = await run({
		name: 'sink',
		command: programs.load,
		args: ['sink'],
		logFile,
		ready: /^ready 127\.0\.0\.1:(?<port>\d+) (?<counts>\S+)/,
	});
	const stopSink = onExit(() => sink.stop());
	const [grpc, http] = [await freePort(), await freePort()];
	const collector = await run({
		name,
		command: programs.collector,
		args: ['--config', join(import.meta.dirname, `collector/${name === 'collector-forward' ? 'forward' : 'queue'}.yaml`)],
		env: {
			OTLP_GRPC_PORT: String(grpc),
			OTLP_HTTP_PORT: String(http),
			SINK_PORT: sink.ready.groups?.['port'] ?? '',
			QUEUE_DIR: queueDir,
		},
		logFile,
		ready: /Everything is ready/,
	});
	return {
		name,
		endpoints: { grpc: `127.0.0.1:${grpc}`, http: `127.0.0.1:${http}` },
		cpu: () => {
			const total = processTree(collector.pid).reduce((sum, pid) => sum + processCpuMicros(pid), 0);
			return { total, platform: total, load: 0, merges: 0 };
		},
		peakMiB: () => peakMiB(collector.pid),
		delivered: async () => ((await (await fetch(sink.ready.groups?.['counts'] ?? '')).json()) as { spans: number }).spans,
		stop: onExit(async () => {
			await collector.stop();
			await stopSink();
			rmSync(queueDir, { recursive: true, force: true });
		}),
	};
}

function hostOf(url: string): string {
	return new URL(url).host;
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, '127.0.0.1');
	await new Promise((settle) => server.once('listening', settle));
	const address = server.address();
	await new Promise((settle) => server.close(settle));
	return typeof address === 'object' && address !== null ? address.port : 0;
}
