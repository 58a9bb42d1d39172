/**
 * The cases, from `spec/otlp/*.yaml`: checked against a schema, and one entry over several signals, transports or compressions made
 * into as many cases. What a rule says and where it stands is in `rules.yaml`; `messages.yaml` holds the requests cases name.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Messages, Part } from './body.ts';
import { GRPC_CODES, SIGNALS } from './protocol.ts';

const DIRECTORY = resolve(import.meta.dirname, '../../spec/otlp');
const NOT_CASES = ['rules.yaml', 'messages.yaml'];

const VIA = ['http/json', 'http/protobuf', 'grpc'] as const;
export type Via = (typeof VIA)[number];
const COMPRESSIONS = ['none', 'gzip', 'deflate', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];
const LEVELS = ['must', 'should', 'throughline'] as const;
/** `throughline` marks what OTLP leaves open and we decided; it is counted apart for other implementations. */
export type Level = (typeof LEVELS)[number];

function oneOrMore<T extends z.ZodType>(type: T) {
	return z.union([type, z.array(type)]).transform((value) => (Array.isArray(value) ? value : [value]) as z.output<T>[]);
}

const Answer = z.strictObject({
	/** `http` is an answer of the HTTP layer that no OTLP message belongs to. */
	answer: oneOrMore(z.enum(['success', 'partial', 'error', 'http'])).default(['success']),
	/** HTTP status of an error; 400 when nothing is said. */
	status: oneOrMore(z.number().int()).optional(),
	/** gRPC code of an error; INVALID_ARGUMENT when nothing is said, `final` for every code that is not retryable. */
	grpc: oneOrMore(z.union([z.enum(GRPC_CODES), z.literal('final')])).optional(),
	rejected: z.number().int().optional(),
	/** Of `error_message` or `Status.message`. */
	message: z.string().optional(),
	/** A success must not have the field at all; elsewhere an empty one is let pass, as it means the same. */
	unset: z.boolean().default(false),
	/** `either` where the request says nothing that could be answered in kind. */
	contentType: z.enum(['same', 'either']).default('same'),
	/** Pattern of a header, null when it must be absent. */
	headers: z.record(z.string(), z.string().nullable()).default({}),
	/** A detail the Status must have. */
	detail: z.string().optional(),
});
export type Expectation = z.output<typeof Answer>;

const Step = z.union([z.strictObject({ send: z.array(Part) }), z.strictObject({ pauseMs: z.number().int() })]);
export type Step = z.output<typeof Step>;

const Entry = z.strictObject({
	id: z.string().regex(/^[a-z0-9-]+$/),
	about: z.string().min(10),
	rule: z.string(),
	strictness: z.enum(LEVELS).optional(),
	signal: oneOrMore(z.enum(SIGNALS)).default(['traces']),
	via: oneOrMore(z.enum(VIA)),
	compression: oneOrMore(z.enum(COMPRESSIONS)).default(['none']),
	method: z.string().optional(),
	path: z.string().optional(),
	/** Added to, or instead of, those the request has by itself; null takes one away. */
	headers: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).default({}),
	/** Compressed as `compression` says; parts may be compressed on their own. */
	body: z.array(Part).default([]),
	/** The length prefix and flag of a gRPC message when they differ from the truth; how many messages. */
	frame: z.strictObject({ flag: z.number().optional(), length: z.number().optional(), count: z.number().optional() }).default({}),
	/** What goes over an HTTP connection byte by byte, instead of one request made from the above. */
	script: z.array(Step).optional(),
	expect: z.union([Answer, z.strictObject({ answers: z.array(Answer), closes: z.boolean().optional() })]).default(Answer.parse({})),
});

const File = z.strictObject({ area: z.string(), cases: z.array(Entry) });
const Rules = z.record(z.string(), z.strictObject({ source: z.string(), says: z.string(), level: z.enum(LEVELS) }));
export type Rule = z.output<typeof Rules>[string];

export interface Case extends Omit<z.output<typeof Entry>, 'signal' | 'via' | 'compression' | 'strictness' | 'expect'> {
	readonly area: string;
	readonly level: Level;
	readonly ruleText: Rule;
	readonly signal: (typeof SIGNALS)[number];
	readonly via: Via;
	readonly compression: Compression;
	/** In the order of the answers on the connection. */
	readonly expect: readonly Expectation[];
	/** The connection must be closed, or stay open, afterwards. */
	readonly closes: boolean | undefined;
}

export interface Suite {
	readonly cases: readonly Case[];
	readonly messages: Messages;
	readonly rules: Readonly<Record<string, Rule>>;
}

/** Throws with the name of the file when something in it is not as the schema says. */
export function loadSuite(directory: string = DIRECTORY): Suite {
	const rules = readYaml(directory, 'rules.yaml', Rules);
	const messages = readYaml(
		directory,
		'messages.yaml',
		z.record(z.string(), z.partialRecord(z.enum(SIGNALS), z.record(z.string(), z.unknown()))),
	);
	const files = readdirSync(directory).filter((name) => name.endsWith('.yaml') && !NOT_CASES.includes(name));
	const cases = files.sort().flatMap((name) => {
		const { area, cases: entries } = readYaml(directory, name, File);
		return entries.flatMap((entry) => expand(area, entry, rules));
	});
	const seen = new Set<string>();
	for (const { id } of cases) {
		if (seen.has(id)) throw new Error(`two cases are called '${id}'`);
		seen.add(id);
	}
	return { cases, messages: messages as Messages, rules };
}

function readYaml<T extends z.ZodType>(directory: string, name: string, type: T): z.output<T> {
	const result = type.safeParse(parse(readFileSync(join(directory, name), 'utf8')));
	if (!result.success) throw new Error(`${basename(directory)}/${name}: ${z.prettifyError(result.error)}`);
	return result.data;
}

function expand(area: string, entry: z.output<typeof Entry>, rules: Suite['rules']): Case[] {
	const { signal: signals, via: vias, compression: compressions, strictness, expect, ...rest } = entry;
	const ruleText = rules[entry.rule];
	if (ruleText === undefined) throw new Error(`rules.yaml has no '${entry.rule}', which '${entry.id}' checks`);
	return signals.flatMap((signal) =>
		vias.flatMap((via) =>
			compressions.map((compression) => ({
				...rest,
				id: [
					entry.id,
					...(signals.length > 1 ? [signal] : []),
					...(vias.length > 1 ? [via] : []),
					...(compressions.length > 1 ? [compression] : []),
				].join('/'),
				area,
				level: strictness ?? ruleText.level,
				ruleText,
				signal,
				via,
				compression,
				expect: 'answers' in expect ? expect.answers : [expect],
				closes: 'answers' in expect ? expect.closes : undefined,
			})),
		),
	);
}
