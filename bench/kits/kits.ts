/**
 * `make bench-kits`: what the kits cost, beside the raw OpenTelemetry SDKs and the community's instrumentation, in one run. Go and Rust
 * take turns. Times are CPU time (Go: of the process, Rust: of the serving thread), the least of several rounds, because the machine may
 * have other work. `SECONDS=…` bounds the Go part (60); Rust takes some 30 s after it is compiled.
 *
 * Last line: one JSON object, with every target and whether it was met. Report: bench/results/kits.json.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const ROUNDS = 6;
/** Benchmarks of bench/kits/go, for the time each round may take. */
const GO_BENCHMARKS = 20;
const GO_SECONDS = Number(process.env['SECONDS'] ?? 60);

interface Cost {
	readonly ns: number;
	/** Go only. */
	readonly allocs?: number;
}
type Costs = ReadonlyMap<string, Cost>;

interface Target {
	readonly what: string;
	readonly got: number;
	readonly most: number;
	readonly unit: string;
}

function runGo(): Costs {
	const each = Math.max(20, Math.round((GO_SECONDS * 1000) / (GO_BENCHMARKS * ROUNDS * 2)));
	const args = ['test', '-run', '^$', '-bench', '.', '-benchmem', '-benchtime', `${each}ms`, '-count', String(ROUNDS), '.'];
	const output = outputOf('go', args, 'bench/kits/go');
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

function runRust(): Costs {
	outputOf('cargo', ['bench', '--locked', '--bench', 'kit', '--target-dir', join(ROOT, 'target'), '--', '--noplot'], 'bench/kits/rust');
	const costs = new Map<string, Cost>();
	const folder = join(ROOT, 'target/criterion');
	for (const group of ['span', 'server', 'unary'])
		for (const name of readdirSync(join(folder, group))) {
			if (name === 'report') continue;
			const estimates = JSON.parse(readFileSync(join(folder, group, name, 'new/estimates.json'), 'utf8')) as {
				median: { point_estimate: number };
			};
			costs.set(`${group}/${name}`, { ns: estimates.median.point_estimate });
		}
	return costs;
}

function outputOf(command: string, args: string[], folder: string): string {
	const { status, stdout } = spawnSync(command, args, {
		cwd: join(ROOT, folder),
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'inherit'],
		maxBuffer: 64 << 20,
	});
	if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with exit code ${status}\n${stdout}`);
	return stdout;
}

function of(costs: Costs, name: string): Cost {
	const cost = costs.get(name);
	if (cost === undefined) throw new Error(`no benchmark ${name} ran`);
	return cost;
}

const over = (costs: Costs, name: string, base: string): number => Math.max(0, of(costs, name).ns - of(costs, base).ns);

function goTargets(go: Costs): Target[] {
	const extra = (name: string, base: string): number => (of(go, name).allocs ?? 0) - (of(go, base).allocs ?? 0);
	return [
		{ what: 'Go: a disabled span', got: of(go, 'Span/kit-disabled').ns, most: 20, unit: 'ns' },
		{ what: 'Go: allocations of a disabled span', got: of(go, 'Span/kit-disabled').allocs ?? 0, most: 0, unit: '' },
		{
			what: 'Go: a disabled HTTP server, over the bare handler',
			got: over(go, 'Server/kit-disabled', 'Server/bare'),
			most: 20,
			unit: 'ns',
		},
		{ what: 'Go: its allocations', got: extra('Server/kit-disabled', 'Server/bare'), most: 0, unit: '' },
		{
			what: 'Go: a disabled HTTP client, over the bare transport',
			got: over(go, 'Client/kit-disabled', 'Client/bare'),
			most: 20,
			unit: 'ns',
		},
		{ what: 'Go: its allocations', got: extra('Client/kit-disabled', 'Client/bare'), most: 0, unit: '' },
		{
			what: 'Go: an unsampled span, of the raw SDK',
			got: of(go, 'Span/kit-unsampled').ns / of(go, 'Span/sdk-unsampled').ns,
			most: 1.3,
			unit: '×',
		},
		{
			what: 'Go: a sampled HTTP request, over the bare handler',
			got: over(go, 'Server/kit-sampled', 'Server/bare'),
			most: 5000,
			unit: 'ns',
		},
		{
			what: 'Go: the same, of otelhttp',
			got: over(go, 'Server/kit-sampled', 'Server/bare') / over(go, 'Server/otelhttp-sampled', 'Server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Go: an unsampled HTTP request, of otelhttp',
			got: over(go, 'Server/kit-unsampled', 'Server/bare') / over(go, 'Server/otelhttp-unsampled', 'Server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Go: a sampled HTTP call, of otelhttp',
			got: over(go, 'Client/kit-sampled', 'Client/bare') / over(go, 'Client/otelhttp-sampled', 'Client/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Go: a sampled gRPC call, both ends, of otelgrpc',
			got: of(go, 'Unary/kit-sampled').ns / of(go, 'Unary/otelgrpc-sampled').ns,
			most: 1,
			unit: '×',
		},
	];
}

function rustTargets(rust: Costs): Target[] {
	return [
		{ what: 'Rust: a disabled span', got: of(rust, 'span/kit-disabled').ns, most: 10, unit: 'ns' },
		{
			what: 'Rust: a disabled HTTP server, over a layer that does nothing',
			got: over(rust, 'server/kit-disabled', 'server/any-layer'),
			most: 10,
			unit: 'ns',
		},
		{
			what: 'Rust: an unsampled span, of one of the raw SDK that is active while a future runs',
			got: of(rust, 'span/kit-unsampled').ns / of(rust, 'span/sdk-unsampled-active').ns,
			most: 1.3,
			unit: '×',
		},
		{
			what: 'Rust: a sampled HTTP request, over the bare router',
			got: over(rust, 'server/kit-sampled', 'server/bare'),
			most: 5000,
			unit: 'ns',
		},
		{
			what: 'Rust: the same, of opentelemetry-instrumentation-tower',
			got: over(rust, 'server/kit-sampled', 'server/bare') / over(rust, 'server/tower-sampled', 'server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Rust: an unsampled HTTP request, of opentelemetry-instrumentation-tower',
			got: over(rust, 'server/kit-unsampled', 'server/bare') / over(rust, 'server/tower-unsampled', 'server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Rust: a sampled gRPC call, of tonic-tracing-opentelemetry',
			got: over(rust, 'unary/kit-sampled', 'unary/bare') / over(rust, 'unary/tonic-sampled', 'unary/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Rust: an unsampled gRPC call, of tonic-tracing-opentelemetry',
			got: over(rust, 'unary/kit-unsampled', 'unary/bare') / over(rust, 'unary/tonic-unsampled', 'unary/bare'),
			most: 1,
			unit: '×',
		},
	];
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Math.round(value * 100) / 100);

function main(): void {
	const go = runGo();
	const rust = runRust();
	const targets = [...goTargets(go), ...rustTargets(rust)].map((target) => ({
		...target,
		got: round(target.got),
		met: target.got <= target.most,
	}));
	console.log('CPU time of one operation (allocations)\n');
	for (const [language, costs] of [['Go', go] as const, ['Rust', rust] as const])
		for (const [name, { ns, allocs }] of [...costs].sort(([a], [b]) => (a < b ? -1 : 1)))
			console.log(
				`${language.padEnd(5)}${name.padEnd(30)}${String(round(ns)).padStart(8)} ns${allocs === undefined ? '' : `  (${allocs})`}`,
			);
	console.log('');
	for (const { what, got, most, unit, met } of targets)
		console.log(`${met ? 'met   ' : 'missed'} ${what}: ${got}${unit} (at most ${most}${unit})`);
	const costs = Object.fromEntries([go, rust].flatMap((each) => [...each].map(([name, { ns }]) => [name, round(ns)])));
	const report = { targets: targets.map(({ what, got, most, met }) => ({ what, got, most, met })), costs };
	mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
	writeFileSync(join(ROOT, 'bench/results/kits.json'), `${JSON.stringify(report, null, '\t')}\n`);
	const missed = targets.filter(({ met }) => !met).map(({ what }) => what);
	console.log(JSON.stringify({ targets: targets.length, met: targets.length - missed.length, missed }));
}

main();
