/** The document says what the routes do: it is read by ajv as its consumers would, and real answers are held against it. */

import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PATHS } from '../../src/api/contract.ts';
import { hoursAgo, keyValues, nanos, spanId, traceId, traces } from './otlp.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';

interface Operation {
	readonly summary?: string;
	readonly tags?: readonly string[];
	readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: object }[];
	readonly responses: Readonly<
		Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
	>;
}

interface Document {
	readonly openapi: string;
	readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
	readonly components: { readonly schemas: Readonly<Record<string, object>> };
	readonly tags: readonly { readonly name: string }[];
}

let platform: TestPlatform;
let document: Document;
const T0 = hoursAgo(2);

beforeAll(async () => {
	platform = await startTestPlatform();
	await platform.ingestTraces(
		traces({
			trace: 'one',
			id: 'a',
			service: 'shop',
			startMs: T0,
			attributes: { n: 1 },
			events: [{ name: 'e', atMs: T0 }],
			links: [{ trace: 'x', id: 'y' }],
		}),
	);
	await platform.ingestLogs({
		resourceLogs: [
			{
				resource: { attributes: keyValues({ 'service.name': 'shop' }) },
				scopeLogs: [{ logRecords: [{ timeUnixNano: nanos(T0), traceId: traceId('one'), body: { stringValue: 'hi' } }] }],
			},
		],
	});
	document = await platform.get<Document>('/api/openapi.json');
});
afterAll(async () => await platform[Symbol.asyncDispose]());

const operations = () =>
	Object.entries(document.paths).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
	);

describe('the OpenAPI document', () => {
	test('is 3.1 and lists every path of the contract and of Jaeger', () => {
		expect(document.openapi).toBe('3.1.0');
		const template = (path: string) => path.replace(/:(\w+)/g, '{$1}');
		const expected = [
			...Object.values(PATHS).map(template),
			'/api/services',
			'/api/services/{service}/operations',
			'/api/operations',
			'/api/traces',
			'/api/traces/{traceId}',
		];
		expect(Object.keys(document.paths).sort()).toEqual(expected.sort());
	});

	test('says for every operation what it does, takes and answers', () => {
		const known = new Set(document.tags.map((tag) => tag.name));
		for (const { path, method, operation } of operations()) {
			expect(method).toBe('get');
			expect(operation.summary, path).toBeTruthy();
			expect(operation.tags?.every((tag) => known.has(tag))).toBe(true);
			const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
			const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
			expect(inPath.map((parameter) => parameter.name).sort()).toEqual(named.sort());
			expect(inPath.every((parameter) => parameter.required === true)).toBe(true);
			expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['200', '400', '404', '503', '504']));
			for (const response of Object.values(operation.responses)) expect(typeof response.description).toBe('string');
		}
	});

	test('holds only schemas that a JSON Schema reader accepts, and every reference leads somewhere', () => {
		for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
			expect(document.components.schemas).toHaveProperty(name ?? '');
		const ajv = validator();
		for (const { operation } of operations()) {
			for (const parameter of operation.parameters ?? []) ajv.compile(resolved(parameter.schema));
			for (const response of Object.values(operation.responses))
				for (const content of Object.values(response.content ?? {})) ajv.compile(resolved(content.schema));
		}
	});

	test('describes real answers, right and wrong', async () => {
		const one = traceId('one');
		const range = `from=${T0}&to=${T0 + 1_000}`;
		const cases: [path: string, url: string, status: number][] = [
			[PATHS.status, PATHS.status, 200],
			[PATHS.services, `${PATHS.services}?${range}`, 200],
			[PATHS.operations, `/api/v1/services/shop/operations?${range}`, 200],
			[PATHS.traces, `${PATHS.traces}?${range}`, 200],
			[PATHS.traces, `${PATHS.traces}?limit=0`, 400],
			[PATHS.trace, `/api/v1/traces/${one}`, 200],
			[PATHS.trace, '/api/v1/traces/1234', 404],
			[PATHS.span, `/api/v1/traces/${one}/spans/${spanId('a')}`, 200],
			[PATHS.traceLogs, `/api/v1/traces/${one}/logs`, 200],
			[PATHS.traceOtlp, `/api/v1/traces/${one}/otlp`, 200],
			[PATHS.kits, PATHS.kits, 200],
			[PATHS.kitConfig, `${PATHS.kitConfig}?service=shop`, 200],
			[PATHS.kitConfig, PATHS.kitConfig, 400],
			[PATHS.jaegerSampling, `${PATHS.jaegerSampling}?service=shop`, 200],
			['/api/services', '/api/services', 200],
			['/api/services/{service}/operations', '/api/services/shop/operations', 200],
			['/api/operations', '/api/operations?service=shop', 200],
			['/api/traces', '/api/traces?service=shop', 200],
			['/api/traces/{traceId}', `/api/traces/${one}`, 200],
			['/api/traces/{traceId}', '/api/traces/1234', 404],
		];
		const ajv = validator();
		for (const [path, url, status] of cases) {
			const answer = await platform.app.inject(url);
			expect([url, answer.statusCode]).toEqual([url, status]);
			const schema = document.paths[path.replace(/:(\w+)/g, '{$1}')]?.get?.responses[String(status)]?.content?.['application/json']?.schema;
			if (schema === undefined) throw new Error(`${path} ${status} has no schema`);
			const validate = ajv.compile(resolved(schema));
			validate(answer.json());
			expect([url, validate.errors ?? []]).toEqual([url, []]);
		}
	});
});

function validator(): Ajv2020 {
	return new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
}

/** The schema with the document's named ones where ajv looks for them. */
function resolved(schema: object): object {
	return { allOf: [schema], components: document.components };
}
