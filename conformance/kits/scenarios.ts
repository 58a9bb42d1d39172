/** The scenarios of `spec/scenarios`, read and checked: one list, whatever file they stand in. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';

export const SPEC: string = resolve(import.meta.dirname, '../../spec');

const attributes = z.record(z.string(), z.unknown());
const place = z.union([z.number().int().min(0), z.literal('remote')]);

const point = z.strictObject({
	name: z.string(),
	attributes,
	count: z.number().optional(),
	value: z.union([z.number(), z.strictObject({ double: z.number() })]).optional(),
	exemplar: z.union([place, z.literal('any')]).optional(),
});

const scenario = z.strictObject({
	id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)+$/),
	behaviour: z.string(),
	/** What the probe plays, one after the other; the id itself when left out. Scenarios of one behaviour differ in the state of the kit. */
	play: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
	/** Environment of the kit, beside where to export to. */
	variables: z.record(z.string(), z.string()).optional(),
	/** Document of remote control that is in force before the scenario is played. */
	control: z.looseObject({ v: z.number(), revision: z.number() }).optional(),
	/** Answers of the receiver before it accepts: a status, 0 for a cut connection, or something else instead of an answer. */
	refusals: z
		.array(
			z.strictObject({
				signal: z.enum(['traces', 'metrics', 'logs']),
				status: z.number(),
				retryAfter: z.number().optional(),
				instead: z.enum(['garbage', 'partial', 'silence']).optional(),
			}),
		)
		.optional(),
	/** What histograms are: with the buckets of the registry when left out. */
	histograms: z.literal('exponential').optional(),
	/** How often it is played, once when left out. After each time everything is sent. */
	times: z.number().optional(),
	/** What the kit lost by its own account, by signal and cause; nothing when left out. */
	dropped: z.partialRecord(z.enum(['spans', 'logs', 'metrics']), z.record(z.string(), z.number())).optional(),
	spans: z.array(
		z.strictObject({
			scope: z.string(),
			name: z.string(),
			kind: z.enum(['internal', 'server', 'client', 'producer', 'consumer']),
			parent: place.optional(),
			links: z.array(place).optional(),
			events: z.array(z.string()).optional(),
			status: z.string().optional(),
			trace_state: z.string().optional(),
			attributes,
		}),
	),
	metrics: z.array(point),
	/** What the kit tells of itself when the rest is settled; not looked at when left out. */
	self: z.array(point).optional(),
	logs: z
		.array(
			z.strictObject({
				scope: z.string(),
				event: z.string(),
				severity: z.string(),
				body: z.string(),
				attributes,
				span: place.optional(),
			}),
		)
		.optional(),
	/** The lines of the log, byte by byte; none when left out. */
	lines: z.array(z.string()).optional(),
});

export type Scenario = z.infer<typeof scenario>;

const file = z.looseObject({ about: z.array(z.string()), edges: z.array(scenario) });

/** Throws with every problem of every file. */
export function loadScenarios(): Scenario[] {
	const problems: string[] = [];
	const scenarios: Scenario[] = [];
	const folder = join(SPEC, 'scenarios');
	for (const name of readdirSync(folder).sort()) {
		const read = file.safeParse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
		if (read.success) scenarios.push(...read.data.edges);
		else problems.push(...read.error.issues.map((issue) => `${name}: ${issue.path.join('.')}: ${issue.message}`));
	}
	const ids = scenarios.map(({ id }) => id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`${id} is there twice`);
	if (problems.length > 0) throw new Error(`spec/scenarios:\n${[...new Set(problems)].join('\n')}`);
	return scenarios;
}
