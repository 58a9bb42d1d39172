/** Holds telemetry against the registry: known names, right types, allowed values, nothing that is required left out. */

import { type AttributeRule, isOf, type Registry, type SignalRule } from './registry.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface SeenSpan {
	readonly scope: string;
	readonly kind: string;
	readonly name: string;
	readonly attributes: Values;
}

export function spanProblems(registry: Registry, span: SeenSpan): string[] {
	const rules = registry.spans.filter(({ kind, annotations }) => kind === span.kind && annotations.scopes?.includes(span.scope));
	if (rules.length === 0) return [`the registry has no ${span.kind} span of scope ${span.scope} ('${span.name}')`];
	// Where several rules fit, the one that is broken least is meant.
	const broken = rules.map((rule) => attributeProblems(registry, rule, span.attributes, `span '${span.name}'`));
	return broken.reduce((least, problems) => (problems.length < least.length ? problems : least));
}

export interface SeenMetric {
	readonly scope: string;
	readonly name: string;
	readonly kind: string;
	readonly unit: string;
	readonly description: string;
	/** Bounds; or that the operator chose buckets that grow by themselves. */
	readonly buckets?: readonly number[] | 'exponential';
}

/** `kind` as in the registry; `bounds`: what each set of buckets of the registry is. */
export function metricProblems(registry: Registry, metric: SeenMetric, bounds: Readonly<Record<string, readonly number[]>>): string[] {
	const rule = registry.metrics.get(metric.name);
	if (rule === undefined) return [`the registry has no metric ${metric.name}`];
	const problems: string[] = [];
	const same = (what: string, got: string, want: string): void => {
		if (got !== want) problems.push(`the ${what} of ${metric.name} is '${got}', in the registry '${want}'`);
	};
	same('instrument', metric.kind, rule.instrument);
	same('unit', metric.unit, rule.unit);
	same('description', metric.description, rule.brief);
	if (!rule.annotations.scopes?.includes(metric.scope)) problems.push(`${metric.name} is not of scope ${metric.scope}`);
	const { buckets } = rule.annotations;
	if (buckets !== undefined && metric.buckets !== 'exponential')
		same('buckets', JSON.stringify(metric.buckets), JSON.stringify(bounds[buckets]));
	return problems;
}

export function pointProblems(registry: Registry, metric: string, attributes: Values): string[] {
	const rule = registry.metrics.get(metric);
	return rule === undefined ? [] : attributeProblems(registry, rule, attributes, metric);
}

/** Records without an event name are the service's own and may say what they like. */
export function logProblems(registry: Registry, event: string, attributes: Values): string[] {
	if (event === '') return [];
	const rule = registry.events.get(event);
	return rule === undefined ? [`the registry has no event ${event}`] : attributeProblems(registry, rule, attributes, `event ${event}`);
}

export function resourceProblems(registry: Registry, attributes: Values): string[] {
	return registry.entities.flatMap((rule) => attributeProblems(registry, rule, attributes, 'the resource'));
}

function attributeProblems(registry: Registry, rule: SignalRule, attributes: Values, what: string): string[] {
	const problems: string[] = [];
	for (const [name, value] of Object.entries(attributes)) {
		const known = registry.attributes.get(name);
		if (known !== undefined) problems.push(...valueProblems(known, value, what));
		if (rule.attributes.has(name) || (rule.annotations.open === true && known === undefined)) continue;
		problems.push(
			known === undefined ? `${what} has ${name}, which the registry does not know` : `${what} has ${name}, which ${rule.id} does not`,
		);
	}
	for (const [name, level] of rule.attributes)
		if (level === 'required' && !Object.hasOwn(attributes, name)) problems.push(`${what} has no ${name}, which ${rule.id} requires`);
	return problems;
}

function valueProblems(rule: AttributeRule, value: unknown, what: string): string[] {
	if (!isOf(rule.type, value)) return [`${what}: ${rule.name} is ${JSON.stringify(value)}, no ${rule.type}`];
	if (rule.members === undefined || rule.members.some((member) => member.value === value)) return [];
	return [`${what}: ${rule.name} is ${JSON.stringify(value)}, which is not one of its values`];
}
