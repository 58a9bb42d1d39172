/**
 * The registry of names, read from YAML in the syntax of OpenTelemetry Weaver (version 1: `groups`). What it refers to is resolved, and
 * every problem of every file is told at once.
 */

import { parseDocument } from 'yaml';
import { z } from 'zod';
import { Failure } from '../base/errors.ts';

export interface Registry {
	/** Version of the OpenTelemetry conventions the names follow, `1.44.0`. */
	readonly semconvVersion: string;
	readonly schemaUrl: string;
	/** In the order of the files. */
	readonly attributes: ReadonlyMap<string, AttributeRule>;
	readonly spans: readonly SignalRule[];
	readonly metrics: ReadonlyMap<string, MetricRule>;
	readonly events: ReadonlyMap<string, SignalRule>;
	readonly entities: readonly SignalRule[];
	/** Instrumentation scopes, in order of their first use. */
	readonly scopes: readonly string[];
}

export const ATTRIBUTE_TYPES = ['string', 'int', 'double', 'boolean', 'string[]', 'int[]', 'double[]', 'boolean[]', 'any'] as const;
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];

export interface AttributeRule {
	readonly name: string;
	/** Of an enumeration: that of its values. */
	readonly type: AttributeType;
	/** Of an enumeration: all values there are. */
	readonly members?: readonly Member[];
	readonly stability: Stability;
	readonly brief: string;
	/** What the group that defines it is about, `HTTP`. */
	readonly group: string;
	readonly annotations: Annotations;
}

export type Member = z.infer<typeof member>;
export type Stability = z.infer<typeof stability>;
export type Annotations = z.infer<typeof annotations>['throughline'];

export interface SignalRule {
	readonly id: string;
	/** Of spans. */
	readonly kind?: z.infer<typeof spanKind>;
	readonly brief: string;
	readonly stability: Stability;
	/** By name: whether it must be there. */
	readonly attributes: ReadonlyMap<string, 'required' | 'allowed'>;
	readonly annotations: Annotations;
}

export interface MetricRule extends SignalRule {
	readonly name: string;
	readonly instrument: z.infer<typeof instrument>;
	readonly unit: string;
}

const stability = z.enum(['development', 'alpha', 'beta', 'release_candidate', 'stable']);
const spanKind = z.enum(['internal', 'server', 'client', 'producer', 'consumer']);
const instrument = z.enum(['counter', 'updowncounter', 'gauge', 'histogram']);

/** What Weaver has no word for. */
const annotations = z.looseObject({
	throughline: z.strictObject({
		/** The name in code where the mechanical one would be too long, in snake_case. */
		constant: z
			.string()
			.regex(/^[a-z][a-z0-9_]*$/)
			.optional(),
		/** Scopes that emit the signal. */
		scopes: z.array(z.string()).optional(),
		/** Which of the kits' bucket bounds a histogram has. */
		buckets: z.enum(['duration']).optional(),
		/** The service may add attributes of its own. */
		open: z.boolean().optional(),
		owner: z.string().optional(),
		/** `personal`: tells of a person. `sanitised`: could, and is cleaned before it is emitted. */
		sensitivity: z.enum(['personal', 'sanitised']).optional(),
		/** Distinct values above which something is wrong. */
		cardinality_max: z.number().int().positive().optional(),
	}),
});

const text = z.string().min(1);
const member = z.strictObject({
	id: text,
	value: z.union([z.string(), z.number().int()]),
	brief: text.optional(),
	note: text.optional(),
	stability: stability.optional(),
});

const shared = { brief: text, note: text.optional(), annotations: annotations.optional() };
const definition = z.strictObject({
	id: z.string().regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/),
	type: z.union([z.enum(ATTRIBUTE_TYPES), z.strictObject({ members: z.array(member).min(1) })]),
	stability,
	examples: z.union([z.array(z.unknown()), z.string(), z.number(), z.boolean()]).optional(),
	...shared,
});

const requirement = z.union([
	z.enum(['required', 'recommended', 'opt_in']),
	z.strictObject({ conditionally_required: text }),
	z.strictObject({ recommended: text }),
]);
const reference = z.strictObject({ ref: text, requirement_level: requirement.optional(), brief: text.optional(), note: text.optional() });

const signal = { id: text, stability, attributes: z.array(reference).default([]), ...shared };
const group = z.discriminatedUnion('type', [
	z.strictObject({ type: z.literal('attribute_group'), id: text, attributes: z.array(definition), ...shared }),
	z.strictObject({ type: z.literal('span'), span_kind: spanKind, ...signal }),
	z.strictObject({ type: z.literal('metric'), metric_name: text, instrument, unit: z.string(), ...signal }),
	z.strictObject({ type: z.literal('event'), name: text, ...signal }),
	z.strictObject({ type: z.literal('entity'), name: text, ...signal }),
]);
type Group = z.infer<typeof group>;
type Signal = Exclude<Group, { type: 'attribute_group' }>;

const file = z.strictObject({ groups: z.array(group) });
const manifest = z.strictObject({ name: text, description: text, semconv_version: text, schema_base_url: z.url() });

/** One file: `manifest.yaml`, or any other name for one with groups. */
export interface RegistrySource {
	readonly name: string;
	readonly text: string;
}

/** Throws a `Failure` whose message lists every problem, one a line. */
export function readRegistry(sources: readonly RegistrySource[]): Registry {
	const problems: string[] = [];
	let head: z.infer<typeof manifest> | undefined;
	const groups: { group: Group; source: string }[] = [];
	for (const source of sources) {
		if (source.name === 'manifest.yaml') head = parse(source, manifest, problems);
		else groups.push(...(parse(source, file, problems)?.groups ?? []).map((each) => ({ group: each, source: source.name })));
	}
	if (head === undefined && !problems.some((problem) => problem.startsWith('manifest.yaml'))) problems.push('manifest.yaml is missing');
	const registry = resolve(head, groups, problems);
	if (problems.length > 0) throw new Failure('invalid_argument', `the registry is not valid:\n${problems.join('\n')}`);
	return registry;
}

function parse<T>({ name, text: content }: RegistrySource, schema: z.ZodType<T>, problems: string[]): T | undefined {
	const document = parseDocument(content);
	problems.push(...document.errors.map(({ message }) => `${name}: ${message}`));
	if (document.errors.length > 0) return undefined;
	const read = schema.safeParse(document.toJS());
	if (read.success) return read.data;
	problems.push(...read.error.issues.map((issue) => `${name}: ${issue.path.join('.')}: ${issue.message}`));
	return undefined;
}

type Head = z.infer<typeof manifest> | undefined;

function resolve(head: Head, groups: readonly { group: Group; source: string }[], problems: string[]): Registry {
	const attributes = new Map<string, AttributeRule>();
	const ids = new Set<string>();
	for (const { group: each, source } of groups) {
		if (ids.has(each.id)) problems.push(`${source}: ${each.id} is there twice`);
		ids.add(each.id);
		if (each.type !== 'attribute_group') continue;
		for (const defined of each.attributes) {
			if (attributes.has(defined.id)) problems.push(`${source}: attribute ${defined.id} is defined twice`);
			attributes.set(defined.id, attributeRule(defined, each.brief, source, problems));
		}
	}
	checkConstants(attributes, problems);
	const spans: SignalRule[] = [];
	const metrics = new Map<string, MetricRule>();
	const events = new Map<string, SignalRule>();
	const entities: SignalRule[] = [];
	for (const { group: each, source } of groups) {
		if (each.type === 'attribute_group') continue;
		if (!each.id.startsWith(`${each.type}.`))
			problems.push(`${source}: the id of the ${each.type} ${each.id} must begin with '${each.type}.'`);
		const rule = signalRule(each, source, attributes, problems);
		if (each.type === 'span') spans.push({ ...rule, kind: each.span_kind });
		else if (each.type === 'entity') entities.push(rule);
		else if (each.type === 'event') events.set(each.name, rule);
		else {
			if (metrics.has(each.metric_name)) problems.push(`${source}: metric ${each.metric_name} is defined twice`);
			if (each.instrument === 'histogram' && rule.annotations.buckets === undefined)
				problems.push(`${source}: ${each.metric_name} is a histogram without annotations.throughline.buckets`);
			metrics.set(each.metric_name, { ...rule, name: each.metric_name, instrument: each.instrument, unit: each.unit });
		}
	}
	const scopes = [...spans, ...metrics.values(), ...events.values()].flatMap((rule) => rule.annotations.scopes ?? []);
	const version = head?.semconv_version ?? '';
	return {
		semconvVersion: version,
		schemaUrl: `${head?.schema_base_url ?? ''}${version}`,
		attributes,
		spans,
		metrics,
		events,
		entities,
		scopes: [...new Set(scopes)],
	};
}

function attributeRule(defined: z.infer<typeof definition>, about: string, source: string, problems: string[]): AttributeRule {
	const { id: name, type, stability: stable, brief } = defined;
	const common = { name, stability: stable, brief, group: about, annotations: defined.annotations?.throughline ?? {} };
	if (typeof type === 'string') {
		const examples = Array.isArray(defined.examples) ? defined.examples : defined.examples === undefined ? [] : [defined.examples];
		if (type === 'string' && examples.length === 0) problems.push(`${source}: ${name} is a string without examples`);
		for (const example of examples)
			if (!type.endsWith('[]') && !isOf(type, example))
				problems.push(`${source}: example ${JSON.stringify(example)} of ${name} is no ${type}`);
		return { ...common, type };
	}
	const kinds = new Set(type.members.map(({ value }) => typeof value));
	if (kinds.size > 1) problems.push(`${source}: the values of ${name} are of several types`);
	const seen = type.members.map(({ value }) => value);
	for (const value of seen)
		if (seen.indexOf(value) !== seen.lastIndexOf(value)) problems.push(`${source}: ${name} has the value ${value} twice`);
	return { ...common, type: kinds.has('number') ? 'int' : 'string', members: type.members };
}

/** Whether a value, as JSON has it, is of a scalar type. */
export function isOf(type: AttributeType, value: unknown): boolean {
	switch (type) {
		case 'any':
			return true;
		case 'string':
			return typeof value === 'string';
		case 'int':
			return Number.isInteger(value);
		case 'double':
			return typeof value === 'number';
		case 'boolean':
			return typeof value === 'boolean';
		default:
			return Array.isArray(value) && value.every((each) => isOf(type.slice(0, -2) as AttributeType, each));
	}
}

/** Two attributes must not get the same name in code. */
function checkConstants(attributes: ReadonlyMap<string, AttributeRule>, problems: string[]): void {
	const taken = new Map<string, string>();
	for (const rule of attributes.values()) {
		const constant = constantOf(rule);
		const other = taken.get(constant);
		if (other !== undefined) problems.push(`${other} and ${rule.name} are both called ${constant} in code`);
		taken.set(constant, rule.name);
	}
}

/** The name in code, in snake_case. */
export function constantOf({ name, annotations: { constant } }: AttributeRule): string {
	return constant ?? name.replaceAll('.', '_');
}

function signalRule(each: Signal, source: string, known: ReadonlyMap<string, AttributeRule>, problems: string[]): SignalRule {
	const attributes = new Map<string, 'required' | 'allowed'>();
	for (const { ref, requirement_level: level } of each.attributes) {
		if (!known.has(ref)) problems.push(`${source}: ${each.id} refers to ${ref}, which no attribute_group defines`);
		if (attributes.has(ref)) problems.push(`${source}: ${each.id} refers to ${ref} twice`);
		attributes.set(ref, level === 'required' ? 'required' : 'allowed');
	}
	const own = each.annotations?.throughline ?? {};
	if (each.type !== 'entity' && (own.scopes ?? []).length === 0)
		problems.push(`${source}: ${each.id} has no annotations.throughline.scopes`);
	return { id: each.id, brief: each.brief, stability: each.stability, attributes, annotations: own };
}
