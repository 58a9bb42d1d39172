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
import type { Inbox } from './receiver.ts';
import { loadScenarios } from './scenarios.ts';
import { buildProbes, KITS, type Kit, PROGRAMS, type Programs, type Result, ROOT, Suite } from './suite.ts';
import { runVectors } from './vectors.ts';

type Json = Record<string, unknown>;

interface Mutation {
	readonly name: string;
	/** The objects it can be applied to. */
	readonly places: (inbox: Inbox) => Json[];
	readonly apply: (place: Json) => void;
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const scopesOf = (messages: readonly unknown[], groups: string, scopes: string): Json[] =>
	(messages as Json[]).flatMap((message) => list(message[groups])).flatMap((group) => list(group[scopes]));
const spanScopes = ({ traces }: Inbox): Json[] => scopesOf(traces, 'resourceSpans', 'scopeSpans');
const spansOf = (inbox: Inbox): Json[] => spanScopes(inbox).flatMap((scope) => list(scope['spans']));
/** Exports are cumulative: of a metric sent several times only the last is looked at. */
const metricsOf = ({ metrics }: Inbox): Json[] => [
	...new Map(
		scopesOf(metrics, 'resourceMetrics', 'scopeMetrics').flatMap((scope) => list(scope['metrics']).map((one) => [one['name'], one])),
	).values(),
];
const logsOf = ({ logs }: Inbox): Json[] => scopesOf(logs, 'resourceLogs', 'scopeLogs').flatMap((scope) => list(scope['logRecords']));
const dataOf = (metric: Json): Json => (metric['histogram'] ?? metric['sum'] ?? {}) as Json;
const pointsOf = (inbox: Inbox): Json[] => metricsOf(inbox).flatMap((metric) => list(dataOf(metric)['dataPoints']));
const attributesOf = (all: Json[]): Json[] => all.flatMap((one) => list(one['attributes']));
const drop = (all: Json[], field: string): Json[] => all.filter((one) => list(one[field]).length > 0);
const ID = Buffer.from('0102030405060708', 'hex');

const MUTATIONS: readonly Mutation[] = [
	{ name: 'an attribute of a span has another name', places: (inbox) => attributesOf(spansOf(inbox)), apply: (it) => (it['key'] += 's') },
	{
		name: 'an attribute of a span is gone',
		places: (inbox) => drop(spansOf(inbox), 'attributes'),
		apply: (it) => list(it['attributes']).pop(),
	},
	{
		name: 'an attribute of a span is there twice',
		places: (inbox) => drop(spansOf(inbox), 'attributes'),
		apply: (it) => list(it['attributes']).push({ ...list(it['attributes'])[0] }),
	},
	{
		name: 'an attribute of a span is of another type',
		places: (inbox) => attributesOf(spansOf(inbox)),
		apply: (it) => (it['value'] = { doubleValue: 1.5 }),
	},
	{
		name: 'a span has one attribute more',
		places: spansOf,
		apply: (it) => (it['attributes'] = [...list(it['attributes']), { key: 'x', value: { intValue: '1' } }]),
	},
	{ name: 'a span has another name', places: spansOf, apply: (it) => (it['name'] += ' ') },
	{ name: 'a span is of another kind', places: spansOf, apply: (it) => (it['kind'] = it['kind'] === 1 ? 2 : 1) },
	{
		name: 'a span has another status',
		places: spansOf,
		apply: (it) => (it['status'] = (it['status'] as Json | undefined)?.['code'] === 2 ? {} : { code: 2 }),
	},
	{ name: 'a span has another parent', places: spansOf, apply: (it) => (it['parentSpanId'] = ID) },
	{ name: 'a link is gone', places: (inbox) => drop(spansOf(inbox), 'links'), apply: (it) => list(it['links']).pop() },
	{
		name: 'a link leads elsewhere',
		places: (inbox) => spansOf(inbox).flatMap((span) => list(span['links'])),
		apply: (it) => (it['spanId'] = ID),
	},
	{ name: 'a span has an event', places: spansOf, apply: (it) => (it['events'] = [{ name: 'exception' }]) },
	{ name: 'a span ends before it starts', places: spansOf, apply: (it) => (it['endTimeUnixNano'] = '1') },
	{ name: 'a span is of another trace state', places: spansOf, apply: (it) => (it['traceState'] = 'ot=th:8') },
	{ name: 'a span dropped an attribute', places: spansOf, apply: (it) => (it['droppedAttributesCount'] = 1) },
	{ name: 'a span is gone', places: (inbox) => drop(spanScopes(inbox), 'spans'), apply: (it) => list(it['spans']).pop() },
	{
		name: 'a span is there twice',
		places: (inbox) => drop(spanScopes(inbox), 'spans'),
		apply: (it) => list(it['spans']).push({ ...list(it['spans'])[0] }),
	},
	{
		name: 'a scope has another name',
		places: (inbox) => spanScopes(inbox).map((one) => one['scope'] as Json),
		apply: (it) => (it['name'] += 's'),
	},
	{
		name: 'a scope has another contract',
		places: (inbox) => spanScopes(inbox).map((one) => one['scope'] as Json),
		apply: (it) => (it['attributes'] = []),
	},
	{
		name: 'a scope has another version',
		places: (inbox) => spanScopes(inbox).map((one) => one['scope'] as Json),
		apply: (it) => (it['version'] = '0'),
	},
	{ name: 'a scope has another schema', places: spanScopes, apply: (it) => (it['schemaUrl'] = 'https://opentelemetry.io/schemas/1.0.0') },
	{ name: 'a metric has another name', places: metricsOf, apply: (it) => (it['name'] += 's') },
	{ name: 'a metric has another unit', places: metricsOf, apply: (it) => (it['unit'] = 'ms') },
	{ name: 'a metric has another description', places: metricsOf, apply: (it) => (it['description'] = '') },
	{
		name: 'a histogram has other buckets',
		places: (inbox) =>
			metricsOf(inbox).flatMap((metric) =>
				list(dataOf(metric)['dataPoints'])
					.filter((point) => point['explicitBounds'])
					.slice(0, 1),
			),
		apply: (it) => (it['explicitBounds'] as number[]).pop(),
	},
	{
		name: 'a metric is not cumulative',
		places: (inbox) => metricsOf(inbox).map(dataOf),
		apply: (it) => (it['aggregationTemporality'] = 1),
	},
	{
		name: 'a data point counts one more',
		places: pointsOf,
		apply: (it) => {
			const field = it['count'] === undefined ? 'asInt' : 'count';
			it[field] = String(Number(it[field] ?? 0) + 1);
		},
	},
	{
		name: 'an attribute of a data point has another name',
		places: (inbox) => attributesOf(pointsOf(inbox)),
		apply: (it) => (it['key'] += 's'),
	},
	{
		name: 'a data point is gone',
		places: (inbox) => drop(metricsOf(inbox).map(dataOf), 'dataPoints'),
		apply: (it) => list(it['dataPoints']).pop(),
	},
	{
		name: 'an exemplar is of another span',
		places: (inbox) => pointsOf(inbox).flatMap((point) => list(point['exemplars'])),
		apply: (it) => (it['spanId'] = ID),
	},
	{ name: 'a log record is of another event', places: logsOf, apply: (it) => (it['eventName'] += 's') },
	{ name: 'a log record is less severe', places: logsOf, apply: (it) => (it['severityText'] = 'INFO') },
	{ name: 'a log record is of another span', places: logsOf, apply: (it) => (it['spanId'] = ID) },
	{ name: 'a log record has another body', places: logsOf, apply: (it) => (it['body'] = { stringValue: '' }) },
	{
		name: 'the resource has one attribute less',
		places: ({ traces }) =>
			(traces as Json[]).flatMap((message) => list(message['resourceSpans'])).map((group) => group['resource'] as Json),
		apply: (it) => list(it['attributes']).pop(),
	},
];

const REGISTRY = loadRegistry();

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
					const mutated = structuredClone({ ...inboxes[kit], problems: [...inboxes[kit].problems] });
					mutation.apply(mutation.places(mutated)[at] as Json);
					const got = canonical(mutated);
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
