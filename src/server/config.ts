/**
 * What the user writes: one YAML file, the environment and flags, all by the same paths. `api.port` in the file is
 * `THROUGHLINE_API_PORT` in the environment and `--api.port 4380` on the command line; flags win over the environment, the
 * environment over the file, the file over the defaults. What is left empty is not set; an empty flag is the way to write ''. Unknown
 * keys are refused and every problem is listed at once.
 */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { Failure } from '../base/errors.ts';
import { signingKey } from '../control/board.ts';
import { ControlDocument, documentProblems, ServiceDocument } from '../control/document.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** A whole number, or its decimal digits as the environment and flags bring them. Nothing else: `true` would count as 1, '' as 0. */
const whole = (number: z.ZodInt) =>
	z.preprocess((value) => (typeof value === 'string' && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value), number);
const port = (fallback: number) => whole(z.int().min(0).max(65_535)).default(fallback).describe('TCP port; 0 takes a free one');
const host = z.string().min(1).default('127.0.0.1').describe('address to listen on; localhost unless told otherwise');
const bytes = (fallback: number) => whole(z.int().positive()).default(fallback);
const days = (fallback: number) => whole(z.int().min(1).max(3_650)).default(fallback);
const flag = (fallback: boolean) =>
	z
		.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')], { error: 'write true or false' })
		.default(fallback);
const list = z
	.union(
		[
			z.array(z.string()),
			z.string().transform((text) =>
				text
					.split(',')
					.map((item) => item.trim())
					.filter((item) => item !== ''),
			),
		],
		{
			error: 'write a list of texts, or one text with commas',
		},
	)
	.default([]);

const serverUrl = z
	.url({ protocol: /^https?$/, error: 'write the address of a server, e.g. http://localhost:8123' })
	.refine(
		(url) => !/^[^/]*\/\/[^/?#]*@/.test(url),
		'put user and password into storage.clickhouse.username and storage.clickhouse.password',
	);

/** Written in the file alone: there is no flag and no variable for a document. */
const FILE_ONLY = { fileOnly: true };

export const Config = z.strictObject({
	data: z
		.strictObject({
			dir: z.string().min(1).default('.throughline').describe('everything Throughline keeps on disk; one running platform per directory'),
		})
		.prefault({}),
	api: z
		.strictObject({
			host,
			port: port(4380).describe('UI and API'),
			allowedHosts: list.describe('Host headers answered beside localhost and the listening address, e.g. traces.example.com'),
			queryTimeoutMs: whole(z.int().min(100)).default(30_000),
		})
		.prefault({}),
	otlp: z
		.strictObject({
			grpc: z.strictObject({ host, port: port(4317) }).prefault({}),
			http: z
				.strictObject({
					host,
					port: port(4318),
					allowedOrigins: list.describe('browser origins that may send telemetry (CORS)'),
				})
				.prefault({}),
			requestBytesMax: bytes(64 * MiB).describe('largest request, on the wire and inflated'),
			inFlightBytesMax: bytes(128 * MiB).describe(
				'bodies of all requests being received or waiting for the disk, and again what is encoded for it',
			),
		})
		.prefault({}),
	zipkin: z
		.strictObject({ enabled: flag(false).describe('receive Zipkin v2 JSON too, at /api/v2/spans'), host, port: port(9411) })
		.prefault({}),
	buffer: z
		.strictObject({
			bytesMax: bytes(4 * GiB).describe('disk for what is acknowledged and not yet in the engine'),
			whenFull: z
				.enum(['reject', 'drop-oldest'])
				.default('reject')
				.describe('reject: senders are told to come back; drop-oldest: the oldest acknowledged data is lost, and counted'),
			ageMaxMs: whole(z.int().min(0))
				.default(0)
				.describe('acknowledged data that waits longer than this for the engine is lost, and counted; 0 keeps it'),
			freeBytesMin: whole(z.int().min(0))
				.default(512 * MiB)
				.describe('disk that must stay free, or requests are refused: room for the engine, for deletes and for what is put aside'),
			encryption: z
				.strictObject({
					keys: list.describe(
						"secret; prefer the environment or keyFile. '<key id>:<32 bytes in base64>', the first encrypts what waits on disk, the others read what was written with them before; none: plain",
					),
					keyFile: z.string().min(1).optional().describe('a file of such keys instead, one a line'),
				})
				.prefault({}),
			segmentBytesMax: bytes(32 * MiB),
			sealAfterMs: whole(z.int().min(10).max(10_000)).default(500).describe('age at which an open segment is handed to the engine'),
		})
		.prefault({}),
	storage: z
		.strictObject({
			clickhouse: z
				.strictObject({
					url: serverUrl.optional().describe('a ClickHouse server to use instead of the embedded engine'),
					username: z.string().default('default'),
					password: z.string().default('').describe('secret; prefer the environment'),
					database: z
						.string()
						.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and _ only')
						.default('throughline'),
				})
				.prefault({}),
			embedded: z
				.strictObject({
					sessions: whole(z.int().min(2).max(32)).default(4).describe('queries the embedded engine runs at once'),
					memoryBytesMax: bytes(GiB).describe('memory ceiling of the embedded engine'),
				})
				.prefault({}),
			liveHours: whole(z.int().min(0).max(168))
				.default(6)
				.describe('whole hours after its end until an hour moves to the kept tier, packed for reading'),
			jobEverySeconds: whole(z.int().min(1).max(3_600)).default(60).describe('pause between looks for hours to move and data to delete'),
			retention: z
				.strictObject({
					spansDays: days(14).describe('days spans and trace summaries are kept'),
					logsDays: days(14),
					metricsDays: days(30),
					rollupsDays: days(90).describe('rate, errors and latency by minute, which outlive their spans'),
				})
				.prefault({}),
			diskBytesMax: whole(z.int().positive())
				.optional()
				.describe('disk all tables may take; beyond it the oldest hours are deleted before their time. Not set: retention alone decides'),
		})
		.prefault({}),
	log: z
		.strictObject({
			level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
		})
		.prefault({}),
	control: z
		.strictObject({
			defaults: ControlDocument.prefault({}).meta(FILE_ONLY),
			environments: z.record(z.string().min(1), ControlDocument).default({}).meta(FILE_ONLY),
			services: z.record(z.string().min(1), ServiceDocument).default({}).meta(FILE_ONLY),
			signingKey: z
				.string()
				.default('')
				.refine((seed) => seed === '' || signingKey(seed) !== undefined, 'write the base64 of the 32-byte seed of an Ed25519 key')
				.describe('signs control documents; secret, prefer the environment'),
			waitingMax: whole(z.int().min(1).max(100_000)).default(10_000).describe('kits that may wait for news at once'),
			reloadEveryMs: whole(z.int().min(50).max(60_000)).default(500).describe('how often the configuration file is looked at for changes'),
		})
		.superRefine((section, context) => {
			for (const problem of documentProblems(section)) context.addIssue({ code: 'custom', message: problem });
		})
		.prefault({}),
	telemetry: z
		.strictObject({
			traces: flag(true).describe("record the platform's own spans, as service 'throughline'"),
		})
		.prefault({}),
});
export type Config = z.infer<typeof Config>;

export interface ConfigSources {
	/** Path of the YAML file; undefined when there is none. */
	readonly file?: string | undefined;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** Flags as `path -> text`, e.g. `{'api.port': '4381'}`. */
	readonly flags: Readonly<Record<string, string>>;
}

/** Variables that steer the program but are no configuration paths. */
const OTHER_VARIABLES = new Set([
	'THROUGHLINE_CONFIG',
	// Of the kits, which may run beside the platform.
	'THROUGHLINE_CONTROL_ENDPOINT',
	'THROUGHLINE_CONTROL_KEY',
	'THROUGHLINE_DISABLED',
	'THROUGHLINE_KILL_FILE',
]);

/** Every leaf of the configuration, e.g. `otlp.grpc.port`. */
export function configPaths(): string[] {
	return leaves(Config, '');
}

/** `otlp.requestBytesMax` -> `THROUGHLINE_OTLP_REQUEST_BYTES_MAX`. */
export function environmentName(path: string): string {
	return `THROUGHLINE_${path.replaceAll('.', '_').replace(/([a-z0-9])([A-Z])/g, '$1_$2')}`.toUpperCase();
}

/** Reads and checks all sources. Throws `Failure('invalid_argument')` whose message lists every problem, one a line. */
export function loadConfig(sources: ConfigSources): Config {
	const problems: string[] = [];
	const merged: Record<string, unknown> = sources.file === undefined ? {} : readYaml(sources.file, problems);
	const paths = configPaths();
	const byVariable = new Map(paths.map((path) => [environmentName(path), path]));
	for (const [name, value] of Object.entries(sources.env)) {
		if (!name.startsWith('THROUGHLINE_') || OTHER_VARIABLES.has(name) || value === undefined || value === '') continue;
		const path = byVariable.get(name);
		if (path === undefined) problems.push(`environment: ${name} is no setting${nearest(name, [...byVariable.keys()])}`);
		else place(merged, path, value);
	}
	for (const [path, value] of Object.entries(sources.flags)) {
		if (paths.includes(path)) place(merged, path, value);
		else problems.push(`flags: --${path} is no setting${nearest(path, paths)}`);
	}
	const parsed = Config.safeParse(merged);
	if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => explain(issue, paths)));
	if (parsed.data === undefined || problems.length > 0)
		throw new Failure(
			'invalid_argument',
			`the configuration has ${count(problems.length, 'problem')}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
			{
				hint: "run 'throughline config show' for every setting, its default and its environment variable",
			},
		);
	return { ...parsed.data, data: { dir: resolve(parsed.data.data.dir) } };
}

/** Every setting with its variable, default and meaning, for `config show`. */
export function describeConfig(): { path: string; variable: string; fallback: unknown; about: string }[] {
	const defaults = Config.parse({});
	return configPaths().map((path) => ({
		path,
		variable: environmentName(path),
		fallback: path.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], defaults),
		about: schemaAt(path).description ?? '',
	}));
}

function readYaml(file: string, problems: string[]): Record<string, unknown> {
	let text: string;
	try {
		text = readFileSync(file, 'utf8');
	} catch (cause) {
		throw new Failure('invalid_argument', `cannot read the configuration file ${file}: ${(cause as Error).message}`, { cause });
	}
	const document = parseDocument(text, { prettyErrors: true });
	problems.push(...document.errors.map((error) => `${file}: ${error.message.split('\n')[0]}`));
	if (document.errors.length > 0) return {};
	let content: unknown;
	try {
		content = withoutNulls(document.toJS());
	} catch (error) {
		problems.push(`${file}: ${(error as Error).message}`);
		return {};
	}
	if (content === null || content === undefined) return {};
	if (typeof content === 'object' && !Array.isArray(content)) return content as Record<string, unknown>;
	problems.push(`${file}: must be a mapping at the top, e.g. 'api: {port: 4380}'`);
	return {};
}

/** A key without a value (`port:`, or a section whose keys are all commented out) means that nothing is said. */
function withoutNulls(value: unknown): unknown {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
	const said = Object.entries(value).filter(([, member]) => member !== null);
	return Object.fromEntries(said.map(([key, member]) => [key, withoutNulls(member)]));
}

function place(target: Record<string, unknown>, path: string, value: string): void {
	const keys = path.split('.');
	let node = target;
	for (const key of keys.slice(0, -1)) {
		const next = node[key];
		if (typeof next !== 'object' || next === null) node[key] = {};
		node = node[key] as Record<string, unknown>;
	}
	node[keys.at(-1) ?? ''] = value;
}

function explain(issue: z.core.$ZodIssue, paths: readonly string[]): string[] {
	const at = issue.path.join('.');
	if (issue.code === 'unrecognized_keys')
		return issue.keys.map((key) => {
			const full = at === '' ? key : `${at}.${key}`;
			return `${full}: unknown setting${nearest(full, paths)}`;
		});
	return [`${at === '' ? 'configuration' : at}: ${issue.message}${paths.includes(at) ? ` (${environmentName(at)})` : ''}`];
}

function leaves(schema: z.ZodType, prefix: string): string[] {
	if (schema.meta()?.fileOnly === true) return [];
	const inner = unwrap(schema);
	if (!(inner instanceof z.ZodObject)) return [prefix];
	return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, child]) =>
		leaves(child, prefix === '' ? key : `${prefix}.${key}`),
	);
}

function schemaAt(path: string): z.ZodType {
	return path.split('.').reduce<z.ZodType>((schema, key) => (unwrap(schema) as z.ZodObject).shape[key] as z.ZodType, Config);
}

function unwrap(schema: z.ZodType): z.ZodType {
	if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
		return unwrap(schema.unwrap() as z.ZodType);
	return schema;
}

function nearest(word: string, known: readonly string[]): string {
	const best = known
		.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
		.toSorted((a, b) => a.distance - b.distance)[0];
	return best !== undefined && best.distance <= Math.max(3, word.length / 3) ? `; did you mean ${best.candidate}?` : '';
}

function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++)
			next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
		row = next;
	}
	return row[b.length] ?? 0;
}

function count(n: number, noun: string): string {
	return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
