/**
 * `make conformance-mutations`: the proof is proved. Things are made wrong on purpose, and each must turn the suite red.
 *
 * - Telemetry: what a kit sent for a scenario is changed in every place it can be (a name, a value, a status, a kind, a link, a unit, …)
 *   and judged again. Both the verdict of that kit and the comparison of the two must fail, or, for what no scenario can tell, the registry.
 * - Sources: a fault is put into a copy of a kit, which is built and plays a scenario it concerns.
 * - Vectors: in a copy of the repository the expectations of every file of vectors are spoilt, and the tests of both kits must fail.
 *
 * Copies are built in a folder of their own: cargo takes what was built from one copy of a package for what would be built from another.
 *
 * `ONLY=telemetry|sources|vectors` runs one part. The last line is one JSON object; exit code 1 when anything survived.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadScenarios } from './scenarios.ts';
import { buildProbes, KITS, type Kit, PROGRAMS, type Result, ROOT, Suite } from './suite.ts';
import { mutateTelemetry, type Outcome } from './telemetry-mutations.ts';
import { runVectors } from './vectors.ts';

interface Fault {
	readonly kit: Kit;
	readonly file: string;
	readonly from: string;
	readonly to: string;
	/** A scenario that must notice. */
	readonly scenario: string;
	/** Nothing differs in what is emitted; only the probe notices. */
	readonly unseen?: true;
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
	{ kit: 'go', file: 'kits/go/redaction.go', from: 'name: rules.Text(s.Name())', to: 'name: s.Name()', scenario: 'span-secret' },
	{ kit: 'go', file: 'kits/go/resource.go', from: 'names.SchemaURL, res', to: 'names.SchemaURL+"x", res', scenario: 'span-ok' },
	{ kit: 'rust', file: 'kits/rust/src/messaging.rs', from: 'self.end(Outcome::failure(CANCELED))', to: '{}', scenario: 'nats-left' },
	{
		kit: 'rust',
		file: 'kits/rust/src/operation.rs',
		from: 'context: passed_on(parent)',
		to: 'context: Context::new()',
		scenario: 'relay-all-off',
		unseen: true,
	},
];

/** A copy of what the probes and the kits' tests are built from, and of what cargo has built of it. */
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
		cpSync(join(ROOT, part), join(copy, part), { recursive: true, preserveTimestamps: true });
	run('cp', ['-a', join(ROOT, 'target'), join(copy, 'target')], ROOT);
	return copy;
}

async function mutateSources(copy: string): Promise<Outcome> {
	const survived: string[] = [];
	const scenarios = loadScenarios();
	for (const fault of FAULTS) {
		const what = `${fault.from} -> ${fault.to} in ${fault.file}`;
		const file = join(copy, fault.file);
		const text = readFileSync(file, 'utf8');
		if (!text.includes(fault.from)) {
			survived.push(`${what}: it is not there any more`);
			continue;
		}
		writeFileSync(file, text.replaceAll(fault.from, fault.to));
		const suite = await Suite.start({ ...PROGRAMS, [fault.kit]: buildMutant(copy, fault.kit) });
		try {
			const scenario = scenarios.find(({ id }) => id === fault.scenario);
			if (scenario === undefined) throw new Error(`there is no scenario ${fault.scenario}`);
			const { verdicts } = await suite.run(scenario);
			const red = (of: string): boolean => verdicts.some((verdict) => verdict.of === of && verdict.problems.length > 0);
			const noticed = (red(fault.kit) || red('registry')) && (red('both') || fault.unseen === true);
			console.log(`${noticed ? 'ok  ' : 'FAIL'} ${what}`);
			if (!noticed) survived.push(what);
		} finally {
			await suite.close();
			writeFileSync(file, text);
		}
	}
	return { tried: FAULTS.length, survived };
}

function buildMutant(copy: string, kit: Kit): string {
	const program = join(copy, 'probe');
	if (kit === 'go') {
		run('go', ['build', '-o', program, '.'], join(copy, 'conformance/probes/go'));
	} else {
		run('cargo', ['build', '--locked', '--quiet', '--workspace', '--all-features', '--bin', 'conformance-probe'], copy);
		cpSync(join(copy, 'target/debug/conformance-probe'), program);
	}
	return program;
}

const COMMAND_TIMEOUT_MS = 600_000;

function run(command: string, args: readonly string[], folder: string): void {
	const { status, signal } = spawnSync(command, args, {
		cwd: folder,
		stdio: ['ignore', 'inherit', 'inherit'],
		timeout: COMMAND_TIMEOUT_MS,
	});
	if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with ${signal ?? `exit code ${status}`}`);
}

/** The tests of both kits with spoilt vectors. */
async function mutateVectors(copy: string): Promise<Outcome> {
	const folder = join(copy, 'spec/vectors');
	const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
	for (const name of names) writeFileSync(join(folder, name), spoilt(name, readFileSync(join(folder, name), 'utf8')));
	const files = await runVectors(copy);
	const survived: string[] = [];
	for (const { name, problems } of files)
		for (const kit of ['Go', 'Rust']) {
			const noticed = problems.some((problem) => problem.startsWith(`${kit}: `) && !/no test|did not run/.test(problem));
			console.log(`${noticed ? 'ok  ' : 'FAIL'} ${name} spoilt: ${kit}`);
			if (!noticed) survived.push(`${name} spoilt: the ${kit} kit does not notice (${problems.join('; ')})`);
		}
	return { tried: 2 * names.length, survived };
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

async function telemetry(): Promise<Outcome> {
	const suite = await Suite.start();
	const results: Result[] = [];
	try {
		for (const scenario of loadScenarios()) if (suite.missing(scenario) === undefined) results.push(await suite.run(scenario));
	} finally {
		await suite.close();
	}
	const red = results.filter(({ verdicts }) => verdicts.some(({ problems }) => problems.length > 0));
	if (red.length > 0) throw new Error(`red without any mutation: ${red.map(({ scenario }) => scenario.id).join(', ')}`);
	return mutateTelemetry(results, Number.POSITIVE_INFINITY, console.log);
}

const PARTS = { telemetry, sources: mutateSources, vectors: mutateVectors };

async function main(): Promise<number> {
	const only = process.env['ONLY'];
	if (only !== undefined && !Object.hasOwn(PARTS, only)) throw new Error(`ONLY=${only}: it is one of ${Object.keys(PARTS).join(', ')}`);
	buildProbes();
	const survived: string[] = [];
	const counts: Record<string, number> = {};
	const seconds: Record<string, number> = {};
	const copy = only === 'telemetry' ? '' : copyRepository();
	try {
		for (const [name, part] of Object.entries(PARTS)) {
			if (only !== undefined && only !== name) continue;
			const started = Date.now();
			const outcome = await part(copy);
			counts[name] = outcome.tried;
			seconds[name] = Math.round((Date.now() - started) / 1000);
			survived.push(...outcome.survived);
		}
	} finally {
		if (copy !== '') rmSync(copy, { recursive: true, force: true });
	}
	for (const each of survived.slice(0, 20)) console.log(`survived: ${each}`);
	const mutations = Object.values(counts).reduce((sum, count) => sum + count, 0);
	console.log(JSON.stringify({ ...counts, mutations, killed: mutations - survived.length, survived: survived.length, seconds }));
	return survived.length > 0 ? 1 : 0;
}

process.exitCode = await main();
