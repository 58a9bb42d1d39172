/** Compares telemetry with what a scenario expects, and the telemetry of two kits with each other. Every difference is told, with its path. */

import type { Registry } from '../../src/registry/registry.ts';
import { logProblems, metricProblems, pointProblems, resourceProblems, spanProblems } from '../../src/registry/rules.ts';
import { DURATION_BUCKETS } from '../../tools/generate.ts';
import type { Telemetry } from './canonical.ts';
import type { Scenario } from './scenarios.ts';
import { withoutStandIns } from './values.ts';

/** Stands in `want` for what a language words its own way. */
const ANYTHING = '<text>';

/** Empty when the kit emitted exactly what the scenario expects. */
export function againstGolden(got: Telemetry, want: Scenario): string[] {
	return [
		...got.problems,
		...differences('spans', got.spans, want.spans),
		...differences('metrics', got.metrics, sortedPoints(want.metrics)),
		...differences('logs', got.logs, want.logs ?? []),
		...(want.self === undefined ? [] : differences('self', got.self.points, sortedPoints(want.self))),
		...differences('lines', got.lines, want.lines ?? []),
		...got.resources.flatMap((resource) => differences('resource', withoutOwn(resource), RESOURCE)),
		...Object.entries(got.definitions).flatMap(([name, { kind, buckets }]) =>
			kind === 'histogram' && (buckets === 'exponential') !== (want.histograms === 'exponential')
				? [`${name} is ${buckets === 'exponential' ? '' : 'not '}exponential`]
				: [],
		),
	];
}

/** Empty when the registry knows every name, and every value, unit and bucket is as it says. */
export function againstRegistry(got: Telemetry, registry: Registry): string[] {
	const contract = {
		schema_url: registry.schemaUrl,
		attributes: { 'throughline.contract': registry.attributes.get('throughline.contract')?.members?.at(-1)?.value },
	};
	const definitions = { ...got.definitions, ...got.self.definitions };
	return [
		...got.spans.filter(ofTheKit).flatMap((span) => spanProblems(registry, { ...span, attributes: withoutStandIns(span.attributes) })),
		...[...got.metrics, ...got.self.points]
			.filter(({ name }) => ofTheKit(definitions[name]))
			.flatMap(({ name, attributes }) => pointProblems(registry, name, withoutStandIns(attributes))),
		...Object.entries(definitions).flatMap(([name, definition]) =>
			!ofTheKit(definition) ? [] : metricProblems(registry, { name, ...definition }, { duration: DURATION_BUCKETS }),
		),
		...got.logs.filter(ofTheKit).flatMap(({ event, attributes }) => logProblems(registry, event, attributes)),
		...got.resources.flatMap((resource) => resourceProblems(registry, resource)),
		...got.fine.resources.flatMap((resource) =>
			resource.startsWith(`${registry.schemaUrl} `) ? [] : [`a resource is of the schema ${resource}`],
		),
		...Object.entries(got.scopes).flatMap(([name, { version: _, ...scope }]) =>
			!ofTheKit({ scope: name })
				? []
				: [
						...(registry.scopes.includes(name) ? [] : [`the registry has no scope ${name}`]),
						...differences(`scope ${name}`, scope, contract),
					],
		),
	];
}

/** What has a scope of the service's own may be called what it likes. */
const ofTheKit = (one: { readonly scope: string } | undefined): boolean => one !== undefined && /^throughline(\/|$)/.test(one.scope);

/** Empty when two kits emitted the same. Where the scenario lets a language use its own words, words are not compared. */
export function againstEachOther(go: Telemetry, rust: Telemetry, scenario: Scenario): string[] {
	const free = { spans: scenario.spans, metrics: sortedPoints(scenario.metrics), logs: scenario.logs ?? [] };
	const own = (one: Telemetry): object => {
		const { spans, metrics, logs, problems: _, resources, self, ...rest } = one;
		const points = self.points.map(({ value: __, count: ___, ...point }) => point);
		return {
			...(masked({ spans, metrics, logs }, free) as object),
			...rest,
			self: { ...self, points },
			resources: resources.map(withoutOwn),
		};
	};
	const problems = differences('', own(go), own(rust));
	// A kit that has nothing to tell may say so, or not, with an empty export.
	return go.resources.length === 0 || rust.resources.length === 0
		? problems.filter((problem) => !problem.startsWith('resources[') && !problem.startsWith('fine.resources['))
		: problems;
}

/** What of a resource is one process's, one machine's or one language's: only that it is there, and its type, is compared. */
const OF_ONE_PROCESS = /^(telemetry\.sdk\.(language|version)|process\.pid|service\.instance\.id|host\.name)$/;

/** What the probes are told to be. */
const RESOURCE = {
	'deployment.environment.name': 'test',
	'host.name': '<own string>',
	'process.pid': '<own number>',
	'service.instance.id': '<own string>',
	'service.name': 'probe',
	'service.version': '1.2.3',
	'telemetry.distro.name': 'throughline',
	'telemetry.distro.version': '0.1.0',
	'telemetry.sdk.language': '<own string>',
	'telemetry.sdk.name': 'opentelemetry',
	'telemetry.sdk.version': '<own string>',
};

function withoutOwn(resource: Readonly<Record<string, unknown>>): object {
	return Object.fromEntries(
		Object.entries(resource).map(([key, value]) => [key, OF_ONE_PROCESS.test(key) && value !== '' ? `<own ${typeof value}>` : value]),
	);
}

function sortedPoints(points: Scenario['metrics']): Scenario['metrics'] {
	const key = (point: Scenario['metrics'][number]): string =>
		`${point.name}\n${JSON.stringify(Object.fromEntries(Object.entries(point.attributes).sort(([a], [b]) => (a < b ? -1 : 1))))}`;
	return points.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Every difference between two JSON values, each with its path. */
export function differences(path: string, got: unknown, want: unknown): string[] {
	if (typeof got === 'string' && typeof want === 'string' && fits(got, want)) return [];
	if (Array.isArray(got) && Array.isArray(want)) {
		const found: string[] = [];
		for (let at = 0; at < Math.max(got.length, want.length); at++) {
			if (at >= want.length) found.push(`${path}[${at}] should not be there: ${show(got[at])}`);
			else if (at >= got.length) found.push(`${path}[${at}] is missing: ${show(want[at])}`);
			else found.push(...differences(`${path}[${at}]`, got[at], want[at]));
		}
		return found;
	}
	if (isObject(got) && isObject(want)) {
		return [...new Set([...Object.keys(got), ...Object.keys(want)])].flatMap((key) => {
			const inner = path === '' ? key : `${path}.${key}`;
			if (!Object.hasOwn(want, key)) return [`${inner} should not be there: ${show(got[key])}`];
			if (!Object.hasOwn(got, key)) return [`${inner} is missing: ${show(want[key])}`];
			return differences(inner, got[key], want[key]);
		});
	}
	return got === want ? [] : [`${path} is ${show(got)}, not ${show(want)}`];
}

function fits(got: string, want: string): boolean {
	const [before = '', after] = want.split(ANYTHING);
	if (after === undefined) return got === want;
	return got.length > before.length + after.length && got.startsWith(before) && got.endsWith(after);
}

/** `value` with ANYTHING where `pattern` has it and it fits. */
function masked(value: unknown, pattern: unknown): unknown {
	if (typeof value === 'string' && typeof pattern === 'string') return fits(value, pattern) ? pattern : value;
	if (Array.isArray(value) && Array.isArray(pattern)) return value.map((each, at) => masked(each, pattern[at]));
	if (isObject(value) && isObject(pattern))
		return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, pattern[key])]));
	return value;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
