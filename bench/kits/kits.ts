/**
 * `make bench-kits`: what the kits cost, in one run: one operation beside the raw OpenTelemetry SDKs and the community's instrumentation,
 * and whole services (service.ts). Times are CPU time, of Go's operations that of the process, of Rust's that of the serving thread, and the
 * least of several rounds, because the machine may have other work. `SECONDS=…` bounds the operations of Go (60) and the traffic of the services
 * (80, `RATE=` a second); Rust takes a minute after it is compiled. `PARTS=go,rust,services` picks some; the rest stays
 * as in the last report.
 *
 * Last line: one JSON object, with every target, what was measured and whether it was met. Report: bench/results/kits.json, which
 * `node bench/kits/document.ts` puts into docs/bench-kits.md.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { measureServices, type ServiceCost } from './service.ts';
import { type Cost, type Costs, goTargets, rustTargets, type Target } from './targets.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const REPORT = join(ROOT, 'bench/results/kits.json');
const ROUNDS = 10;
/** Benchmarks of bench/kits/go, for the time each round may take. */
const GO_BENCHMARKS = 20;
const GO_SECONDS = Number(process.env['SECONDS'] ?? 60);
const SERVICE_SECONDS = Number(process.env['SECONDS'] ?? 80);
const RATE = Number(process.env['RATE'] ?? 60);
const PARTS = (process.env['PARTS'] ?? 'go,rust,services').split(',');

/** What bench/results/kits.json holds. */
export interface KitsReport {
	readonly machine: string;
	readonly targets: readonly (Omit<Target, 'unit'> & { readonly met: boolean })[];
	readonly costs: Readonly<Record<string, { readonly ns: number; readonly allocs?: number }>>;
	readonly services: readonly ServiceCost[];
}

/** Rounds of all benchmarks, so that a moment of noise does not fall on all rounds of one. */
function runGo(): Costs {
	const each = Math.max(20, Math.round((GO_SECONDS * 1000) / (GO_BENCHMARKS * ROUNDS * 2)));
	const program = join(ROOT, 'bench/kits/go/bin/benchmarks');
	outputOf('go', ['test', '-c', '-o', program, '.'], 'bench/kits/go');
	const args = ['-test.run', '^$', '-test.bench', '.', '-test.benchmem', '-test.benchtime', `${each}ms`];
	const output = Array.from({ length: ROUNDS }, () => outputOf(program, args, 'bench/kits/go')).join('');
	const costs = new Map<string, Cost>();
	for (const line of output.split('\n')) {
		const [, name, cpu, allocs] = line.match(/^Benchmark(\S+?)(?:-\d+)?\s.*?([\d.]+) cpu-ns\/op.*?(\d+) allocs\/op/) ?? [];
		if (name === undefined) continue;
		const known = costs.get(name);
		costs.set(name, {
			ns: Math.min(Number(cpu), known?.ns ?? Number.POSITIVE_INFINITY),
			allocs: Math.min(Number(allocs), known?.allocs ?? Number.POSITIVE_INFINITY),
		});
	}
	return costs;
}

/** What criterion measured: so many iterations took so many nanoseconds, several times. */
interface Sample {
	readonly iters: readonly number[];
	readonly times: readonly number[];
}

function runRust(): Costs {
	const folder = join(ROOT, 'target/criterion');
	rmSync(folder, { recursive: true, force: true }); // the figures of benchmarks there are no longer
	const args = ['bench', '--locked', '--bench', 'kit', '--target-dir', join(ROOT, 'target'), '--', '--noplot'];
	outputOf('cargo', args, 'bench/kits/rust', { CRITERION_HOME: folder });
	const costs = new Map<string, Cost>();
	for (const group of ['span', 'server', 'unary'])
		for (const name of readdirSync(join(folder, group))) {
			if (name === 'report') continue;
			const { iters, times } = JSON.parse(readFileSync(join(folder, group, name, 'new/sample.json'), 'utf8')) as Sample;
			costs.set(`${group}/${name}`, { ns: Math.min(...times.map((time, i) => time / (iters[i] ?? 1))) });
		}
	return costs;
}

function outputOf(command: string, args: string[], folder: string, env: Readonly<Record<string, string>> = {}): string {
	const { status, stdout } = spawnSync(command, args, {
		cwd: join(ROOT, folder),
		env: { ...process.env, ...env },
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'inherit'],
		maxBuffer: 64 << 20,
	});
	if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with exit code ${status}\n${stdout}`);
	return stdout;
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Math.round(value * 100) / 100);

async function main(): Promise<void> {
	const before = existsSync(REPORT) ? (JSON.parse(readFileSync(REPORT, 'utf8')) as KitsReport) : undefined;
	const go = PARTS.includes('go') ? runGo() : known('Go', before);
	const rust = PARTS.includes('rust') ? runRust() : known('Rust', before);
	const measure = (): Promise<ServiceCost[]> => measureServices(SERVICE_SECONDS, RATE, (line) => console.log(line));
	const services = PARTS.includes('services') ? await measure() : (before?.services ?? []);
	const all = [...(go.size > 0 ? goTargets(go) : []), ...(rust.size > 0 ? rustTargets(rust) : [])];
	const targets = all.map(({ what, got, most, unit }) => ({
		what: unit === '' ? what : `${what} (${unit})`,
		got: round(got),
		most,
		met: got <= most,
	}));
	const costs = Object.fromEntries([...named('Go', go), ...named('Rust', rust)]);
	const cpu = cpus();
	const report: KitsReport = { machine: `${cpu.length} × ${cpu[0]?.model ?? 'unknown'}`, targets, costs, services };
	print(report);
	mkdirSync(dirname(REPORT), { recursive: true });
	writeFileSync(REPORT, `${JSON.stringify(report, null, '\t')}\n`);
	const met = targets.filter((target) => target.met).length;
	console.log(JSON.stringify({ met, missed: targets.length - met, targets, services: report.services }));
}

/** What the last report has of a part that is not measured now. */
const known = (language: string, report: KitsReport | undefined): Costs =>
	new Map(
		Object.entries(report?.costs ?? {})
			.filter(([name]) => name.startsWith(`${language} `))
			.map(([name, cost]) => [name.slice(language.length + 1), cost]),
	);

const named = (language: string, costs: Costs): [string, Cost][] =>
	[...costs]
		.map(([name, { ns, allocs }]): [string, Cost] => [
			`${language} ${name}`,
			{ ns: round(ns), ...(allocs === undefined ? {} : { allocs }) },
		])
		.sort(([a], [b]) => (a < b ? -1 : 1));

function print({ targets, costs, services }: KitsReport): void {
	console.log('\nCPU time of one operation (allocations)\n');
	for (const [name, { ns, allocs }] of Object.entries(costs))
		console.log(`${name.padEnd(35)}${String(ns).padStart(8)} ns${allocs === undefined ? '' : `  (${allocs})`}`);
	console.log('\nA checkout of the shop\n');
	for (const { mode, gatewayMs, ordersMs, p50Ms, p99Ms, spansPerRequest } of services)
		console.log(
			`${mode.padEnd(10)} CPU of gateway ${gatewayMs} ms, of orders ${ordersMs} ms; p50 ${p50Ms} ms, p99 ${p99Ms} ms; ${spansPerRequest} spans`,
		);
	console.log('');
	for (const { what, got, most, met } of targets) console.log(`${met ? 'met   ' : 'missed'} ${what}: ${got}, at most ${most}`);
}

await main();
