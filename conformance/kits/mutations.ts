/**
 * `make conformance-mutations`: the proof is proved. Things are made wrong on purpose, and each must turn the suite red.
 *
 * - Telemetry: what a kit sent for a scenario is changed in every place it can be (a name, a value, a status, a kind, a link, a unit, …)
 *   and judged again. Both the verdict of that kit and the comparison of the two must fail, or, for what no scenario can tell, the registry.
 * - Sources: a copy of the repository, with a fault put into a kit, is built and plays the scenarios it concerns.
 * - Vectors: in a copy of the repository every file of vectors has one case spoilt, and both suites must fail it.
 *
 * `ONLY=telemetry|sources|vectors` runs one part. The last line is one JSON object; exit code 1 when anything survived.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRegistry } from '../../tools/generate.ts';
import { canonical } from './canonical.ts';
import { againstEachOther, againstGolden, againstRegistry } from './judge.ts';
import type { Sent } from './receiver.ts';
import { loadScenarios } from './scenarios.ts';
import { buildProbes, KITS, type Kit, PROGRAMS, type Programs, type Result, ROOT, Suite } from './suite.ts';
import { type Json, MUTATIONS } from './telemetry-mutations.ts';
import { runVectors } from './vectors.ts';

const REGISTRY = loadRegistry();

const sentOf = ({ traces, metrics, logs, problems }: Sent): Sent => ({ traces, metrics, logs, problems });

/** Applies every mutation in every place of every scenario; answers how many there were and which nobody noticed. */
function mutateTelemetry(results: readonly Result[]): { tried: number; survived: string[] } {
	let tried = 0;
	const survived: string[] = [];
	for (const mutation of MUTATIONS) {
		const before = tried;
		for (const { scenario, inboxes, telemetry } of results)
			for (const kit of KITS)
				for (let at = 0; at < mutation.places(inboxes[kit]).length; at++) {
					tried++;
					const mutated = structuredClone(sentOf(inboxes[kit]));
					mutation.apply(mutation.places(mutated)[at] as Json);
					const got = { ...canonical(mutated), lines: telemetry[kit].lines };
					const alone = [...againstGolden(got, scenario), ...againstRegistry(got, REGISTRY)];
					const together = kit === 'go' ? againstEachOther(got, telemetry.rust, scenario) : againstEachOther(telemetry.go, got, scenario);
					if (alone.length + together.length === 0) survived.push(`${mutation.name} (${scenario.id}, ${kit}, place ${at})`);
				}
		console.log(`${tried - before > 0 ? 'ok  ' : 'FAIL'} ${mutation.name}: ${tried - before} places`);
		if (tried === before) survived.push(`${mutation.name}: there is no place for it in any scenario`);
	}
	return { tried, survived };
}

interface Fault {
	readonly kit: Kit;
	readonly file: string;
	readonly from: string;
	readonly to: string;
	/** A scenario that must notice. */
	readonly scenario: string;
}

const FAULTS: readonly Fault[] = [
	{ kit: 'go', file: 'kits/go/internal/names/generated.go', from: '"http.route"', to: '"http.target"', scenario: 'http-server-200' },
	{ kit: 'go', file: 'kits/go/tlhttp/server.go', from: 'w.status >= 500', to: 'w.status >= 400', scenario: 'http-server-404' },
	{ kit: 'go', file: 'kits/go/tlhttp/client.go', from: 'trace.SpanKindClient', to: 'trace.SpanKindInternal', scenario: 'http-client-200' },
	{ kit: 'go', file: 'kits/go/tlgrpc/grpc.go', from: '"NOT_FOUND"', to: '"NotFound"', scenario: 'grpc-unary-not-found' },
	{
		kit: 'go',
		file: 'kits/go/tasks.go',
		from: 'caller.IsValid()',
		to: '!caller.IsValid()',
		scenario: 'detach-ok',
	},
	{ kit: 'rust', file: 'kits/rust/src/names.rs', from: '"http.route"', to: '"http.target"', scenario: 'http-server-200' },
	{ kit: 'rust', file: 'kits/rust/src/core.rs', from: '.with_unit("s")', to: '.with_unit("ms")', scenario: 'http-client-200' },
];

/** A copy of what the probes and the kits' tests are built from. */
function copyRepository(): string {
	const copy = mkdtempSync(join(tmpdir(), 'throughline-mutants-'));
	for (const part of [
		'Cargo.toml',
		'Cargo.lock',
		'clippy.toml',
		'kits',
		'spec',
		'conformance/probes',
		'examples/shop/rust',
		'examples/shop/proto',
		'test/senders',
		'bench/kits',
	])
		cpSync(join(ROOT, part), join(copy, part), { recursive: true });
	// Compiled dependencies are used again; only the mutated crates are built anew.
	symlinkSync(join(ROOT, 'target'), join(copy, 'target'));
	return copy;
}

async function mutateSources(): Promise<{ tried: number; survived: string[] }> {
	const survived: string[] = [];
	const scenarios = loadScenarios();
	for (const fault of FAULTS) {
		const copy = copyRepository();
		const what = `${fault.from} -> ${fault.to} in ${fault.file}`;
		const file = join(copy, fault.file);
		const text = readFileSync(file, 'utf8');
		if (!text.includes(fault.from)) survived.push(`${what}: it is not there any more`);
		writeFileSync(file, text.replaceAll(fault.from, fault.to));
		const programs: Programs = { ...PROGRAMS, [fault.kit]: buildMutant(copy, fault.kit) };
		const suite = await Suite.start(programs);
		try {
			const scenario = scenarios.find(({ id }) => id === fault.scenario);
			if (scenario === undefined) throw new Error(`there is no scenario ${fault.scenario}`);
			const { verdicts } = await suite.run(scenario);
			const red = (of: string): boolean => verdicts.some((verdict) => verdict.of === of && verdict.problems.length > 0);
			const noticed = (red(fault.kit) || red('registry')) && red('both');
			console.log(`${noticed ? 'ok  ' : 'FAIL'} ${what}`);
			if (!noticed) survived.push(what);
		} finally {
			await suite.close();
			rmSync(copy, { recursive: true, force: true });
		}
	}
	return { tried: FAULTS.length, survived };
}

function buildMutant(copy: string, kit: Kit): string {
	const program = join(copy, 'probe');
	const [command, args, folder]: [string, string[], string] =
		kit === 'go'
			? ['go', ['build', '-o', program, '.'], join(copy, 'conformance/probes/go')]
			: ['cargo', ['build', '--locked', '--quiet', '--workspace', '--all-features', '--bin', 'conformance-probe'], copy];
	const { status } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
	if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with exit code ${status}`);
	if (kit === 'rust') cpSync(join(copy, 'target/debug/conformance-probe'), program);
	return program;
}

/** Spoils the first case of every file that a change can spoil: a word of the expectation becomes another. */
async function mutateVectors(): Promise<{ tried: number; survived: string[] }> {
	const copy = copyRepository();
	const folder = join(copy, 'spec/vectors');
	const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
	try {
		for (const name of names) writeFileSync(join(folder, name), spoilt(name, readFileSync(join(folder, name), 'utf8')));
		const files = await runVectors(copy);
		const survived: string[] = [];
		for (const { name, problems } of files)
			for (const kit of ['Go', 'Rust']) {
				const noticed = problems.some((problem) => problem.startsWith(`${kit}: `) && !/no test|did not run/.test(problem));
				console.log(`${noticed ? 'ok  ' : 'FAIL'} ${name} spoilt: ${kit}`);
				if (!noticed) survived.push(`${name} spoilt: the ${kit} kit does not notice`);
			}
		return { tried: 2 * names.length, survived };
	} finally {
		rmSync(copy, { recursive: true, force: true });
	}
}

/** By file: what of its text is changed, everywhere. */
const SPOILING: Readonly<Record<string, readonly [string, string]>> = {
	'b3.json': ['"sampled": true', '"sampled": false'],
	'backoff.json': ['"outcome": "failed"', '"outcome": "retry"'],
	'baggage.json': ['[["tenant", "acme"]]', '[["tenant", "acne"]]'],
	'breaker.json': ['"state": "open"', '"state": "closed"'],
	'control.json': ['"accepted":true', '"accepted":false'],
	'environment.json': ['"problems": ["OTEL_TRACES_SAMPLER"]', '"problems": []'],
	'log-lines.json': ['"line": "{', '"line": " {'],
	'log-rate.json': ['"admitted": true', '"admitted": false'],
	'metric-points.json': ['"value": 3}]', '"value": 4}]'],
	'redaction.json': ['[redacted]', '[hidden]'],
	'sampling.json': ['"keep": true', '"keep": false'],
	'sql.json': ['"operation": "SELECT"', '"operation": "select"'],
	'trace-context.json': ['"trace_flags": "01"', '"trace_flags": "00"'],
};

function spoilt(name: string, text: string): string {
	const [from, to] = SPOILING[name] ?? [];
	if (from === undefined || to === undefined || !text.includes(from)) throw new Error(`say in SPOILING how to spoil ${name}`);
	return text.replaceAll(from, to);
}

async function telemetry(): Promise<{ tried: number; survived: string[] }> {
	buildProbes();
	const suite = await Suite.start();
	const results: Result[] = [];
	try {
		for (const scenario of loadScenarios()) if (suite.missing(scenario) === undefined) results.push(await suite.run(scenario));
	} finally {
		await suite.close();
	}
	const red = results.filter(({ verdicts }) => verdicts.some(({ problems }) => problems.length > 0));
	if (red.length > 0) throw new Error(`red without any mutation: ${red.map(({ scenario }) => scenario.id).join(', ')}`);
	return mutateTelemetry(results);
}

async function main(): Promise<number> {
	const only = process.env['ONLY'];
	const survived: string[] = [];
	const counts: Record<string, number> = {};
	const parts = Object.entries({ telemetry, sources: mutateSources, vectors: mutateVectors });
	for (const [name, part] of parts) {
		if (only !== undefined && only !== name) continue;
		const outcome = await part();
		counts[name] = outcome.tried;
		survived.push(...outcome.survived);
	}
	// The mutants were built over the probe; the next run finds the right one.
	if (counts['sources'] !== undefined) buildProbes();
	for (const each of survived.slice(0, 20)) console.log(`survived: ${each}`);
	const mutations = Object.values(counts).reduce((sum, count) => sum + count, 0);
	console.log(JSON.stringify({ ...counts, mutations, killed: mutations - survived.length, survived: survived.length }));
	return survived.length > 0 ? 1 : 0;
}

process.exitCode = await main();
