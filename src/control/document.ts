/**
 * What an operator asks of the kits, and how much of it both kits accept: the fields and bounds are those of spec/vectors/control.json.
 * The platform refuses what a kit would refuse, so that a mistake is found where it is made.
 */

import { z } from 'zod';

/** Largest document a kit reads. */
export const DOCUMENT_BYTES_MAX = 64 * 1_024;

const bytesMax = (most: number) => (text: string) => Buffer.byteLength(text) <= most;
const text = (most: number) => z.string().min(1).refine(bytesMax(most), `has more than ${most} bytes`);
const probability = z.number().min(0).max(1);
const level = z.enum(['trace', 'debug', 'info', 'warn', 'error']);

/** RE2 and Rust's regex know neither what looks around nor what refers back. */
const expression = text(256).refine(
	(source) => isRegularExpression(source) && !/\(\?<?[=!]|\\[1-9]/.test(source),
	'is no regular expression of the common subset of RE2 and Rust (nothing that looks around or refers back)',
);

const Match = z.strictObject({
	kind: z.enum(['SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER', 'INTERNAL']).optional(),
	name: text(256).optional().describe('of the span'),
	name_prefix: text(256).optional(),
	attributes: z
		.record(text(256), z.union([z.string().refine(bytesMax(256), 'has more than 256 bytes'), z.boolean(), z.int()]))
		.refine((all) => Object.keys(all).length <= 8, 'has more than 8 entries')
		.optional()
		.describe('known when the span starts'),
});

const Sampling = z.strictObject({
	default: probability.optional().describe('of the traces no rule matches'),
	parent_based: z.boolean().optional(),
	ceiling_per_s: z.number().min(1e-6).max(1e6).optional().describe('traces one instance begins at most'),
	floor_per_min: z.int().min(0).max(1_000).optional().describe('traces of each operation at least'),
	debug_keys: z
		.array(text(64).regex(/^[A-Za-z0-9_-]+$/, 'letters, digits, - and _ only'))
		.max(16)
		.optional()
		.describe('tracestate tl=debug:KEY records a trace'),
	rules: z
		.array(z.strictObject({ match: Match.optional(), p: probability }))
		.max(100)
		.optional()
		.describe('the first that matches counts'),
});

const Redact = z.strictObject({
	keys: z.array(text(128)).max(100).optional(),
	values: z
		.array(z.strictObject({ re: expression, with: z.string().refine(bytesMax(64), 'has more than 64 bytes').optional() }))
		.max(32)
		.optional(),
});

/** One document, or a part of one: what is not said is left to the code of the service. */
export const ControlDocument = z.strictObject({
	ttl_s: z.int().min(1).max(604_800).optional().describe('how long a kit that hears nothing keeps to it'),
	enabled: z.boolean().optional(),
	signals: z.strictObject({ traces: z.boolean().optional(), metrics: z.boolean().optional(), logs: z.boolean().optional() }).optional(),
	instrumentations: z
		.record(z.string().min(1), z.union([z.boolean(), z.looseObject({ enabled: z.boolean().optional() })]))
		.refine((all) => Object.keys(all).length <= 64, 'has more than 64 entries')
		.optional(),
	sampling: Sampling.optional(),
	redact: Redact.optional(),
	limits: z
		.strictObject({
			attr_value_len: z.int().min(16).max(65_536).optional(),
			attrs_per_span: z.int().min(1).max(1_024).optional(),
			queue_bytes: z.int().min(65_536).max(1_073_741_824).optional(),
		})
		.optional(),
	logs: z
		.strictObject({
			level: level.optional(),
			overrides: z
				.record(text(256), level)
				.refine((all) => Object.keys(all).length <= 64, 'has more than 64 entries')
				.optional(),
		})
		.optional(),
});
export type ControlDocument = z.infer<typeof ControlDocument>;

/** The documents of all services: the more is named, the more it counts. */
export interface ControlDocuments {
	readonly defaults: ControlDocument;
	/** By `deployment.environment.name`. */
	readonly environments: Readonly<Record<string, ControlDocument>>;
	/** By `service.name`. */
	readonly services: Readonly<Record<string, ServiceDocument>>;
}

export const ServiceDocument = ControlDocument.extend({ environments: z.record(z.string().min(1), ControlDocument).optional() });
export type ServiceDocument = z.infer<typeof ServiceDocument>;

/** What counts for one service in one environment: objects are merged, lists and values replaced. */
export function mergedDocument(documents: ControlDocuments, service: string, environment: string): ControlDocument {
	const { environments, ...own } = entry(documents.services, service) ?? {};
	const layers = [documents.defaults, entry(documents.environments, environment), own, entry(environments ?? {}, environment)];
	return layers.reduce<ControlDocument>((whole, layer) => merge(whole, layer ?? {}) as ControlDocument, {});
}

/** The body a kit reads. */
export function renderDocument(document: ControlDocument, revision: number): string {
	return JSON.stringify({ v: 1, revision, ...document });
}

/** What no single field shows: documents that are too large once they are merged. */
export function documentProblems(documents: ControlDocuments): string[] {
	const services = ['', ...Object.keys(documents.services)];
	return services.flatMap((service) => {
		const environments = ['', ...Object.keys(documents.environments), ...Object.keys(documents.services[service]?.environments ?? {})];
		return [...new Set(environments)]
			.filter((environment) => renderedBytes(documents, service, environment) > DOCUMENT_BYTES_MAX)
			.map(
				(environment) =>
					`the document of service '${service}' in environment '${environment}' has more than ${DOCUMENT_BYTES_MAX} bytes, which is all a kit reads`,
			);
	});
}

function renderedBytes(documents: ControlDocuments, service: string, environment: string): number {
	return Buffer.byteLength(renderDocument(mergedDocument(documents, service, environment), Number.MAX_SAFE_INTEGER));
}

/** Names come from outside: `__proto__` is no entry. */
function entry<T>(all: Readonly<Record<string, T>>, name: string): T | undefined {
	return Object.hasOwn(all, name) ? all[name] : undefined;
}

function merge(base: unknown, over: unknown): unknown {
	if (over === undefined) return base;
	if (!isObject(base) || !isObject(over)) return over;
	const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
	return Object.fromEntries([...keys].map((key) => [key, merge(entry(base, key), entry(over, key))]));
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRegularExpression(source: string): boolean {
	try {
		new RegExp(source, 'u');
		return true;
	} catch {
		return false;
	}
}
