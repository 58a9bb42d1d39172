import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { JaegerTrace } from '../../src/api/jaeger-format.ts';
import { hoursAgo, spanId, traces } from './otlp.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';

let platform: TestPlatform;
const T0 = hoursAgo(3);
const ONE = '1'.repeat(32);
const TWO = '2'.repeat(32);
const Envelope = z.strictObject({
	data: z.array(JaegerTrace),
	total: z.number(),
	limit: z.number(),
	offset: z.number(),
	errors: z.array(z.object({ msg: z.string() })).nullable(),
});

beforeAll(async () => {
	platform = await startTestPlatform();
	await platform.ingestTraces(
		traces(
			{
				trace: ONE,
				id: 'a',
				service: 'gateway',
				name: 'GET /',
				startMs: T0,
				durationMs: 50.5,
				attributes: { 'http.status_code': 200 },
				resource: { 'host.name': 'h1' },
				events: [{ name: 'hit', atMs: T0 + 1 }],
			},
			{
				trace: ONE,
				id: 'b',
				parent: 'a',
				service: 'orders',
				name: 'SELECT',
				kind: 3,
				startMs: T0 + 5,
				durationMs: 10,
				error: 'lost',
				links: [{ trace: TWO, id: 'z' }],
				resource: { 'host.name': 'h2' },
			},
			{
				trace: TWO,
				id: 'c',
				service: 'gateway',
				name: 'GET /',
				startMs: T0 + 60_000,
				durationMs: 5_000,
				attributes: { 'http.status_code': 500 },
				error: 'x',
			},
			{
				trace: '0000000000000000000000000000abcd',
				id: 'd',
				service: 'gateway',
				name: 'internal',
				kind: 1,
				startMs: T0 + 120_000,
				durationMs: 1,
			},
		),
	);
});
afterAll(async () => await platform[Symbol.asyncDispose]());

const find = async (query: string) =>
	Envelope.parse(await platform.get(`/api/traces?start=${T0 * 1_000}&end=${(T0 + 600_000) * 1_000}&${query}`));
const found = async (query: string) => (await find(query)).data.map((trace) => trace.traceID);

describe('names', () => {
	test('of services and operations', async () => {
		expect(await platform.get('/api/services')).toEqual({ data: ['gateway', 'orders'], total: 2, limit: 0, offset: 0, errors: null });
		expect(await platform.get('/api/services/gateway/operations')).toEqual({
			data: ['GET /', 'internal'],
			total: 2,
			limit: 0,
			offset: 0,
			errors: null,
		});
		expect(await platform.get('/api/services/nobody/operations')).toMatchObject({ data: [], total: 0 });
	});

	test('of operations with their kinds', async () => {
		expect(await platform.get('/api/operations?service=gateway')).toMatchObject({
			data: [
				{ name: 'GET /', spanKind: 'server' },
				{ name: 'internal', spanKind: 'internal' },
			],
			total: 2,
		});
		expect(await platform.get('/api/operations?service=gateway&spanKind=server')).toMatchObject({
			data: [{ name: 'GET /', spanKind: 'server' }],
		});
		expect((await platform.app.inject('/api/operations')).json()).toEqual({
			data: null,
			total: 0,
			limit: 0,
			offset: 0,
			errors: [{ code: 400, msg: "parameter 'service' is required" }],
		});
		expect((await platform.app.inject('/api/operations?service=a&spanKind=up')).statusCode).toBe(400);
	});
});

describe('a trace', () => {
	test('is what Jaeger would answer for the same OTLP', async () => {
		const { data } = Envelope.parse(await platform.get(`/api/traces/${ONE}`));
		expect(data).toEqual([
			{
				traceID: ONE,
				spans: [
					{
						traceID: ONE,
						spanID: spanId('a'),
						operationName: 'GET /',
						references: [],
						startTime: T0 * 1_000,
						duration: 50_500,
						tags: [
							{ key: 'otel.scope.name', type: 'string', value: 'test' },
							{ key: 'otel.scope.version', type: 'string', value: '1' },
							{ key: 'http.status_code', type: 'int64', value: 200 },
							{ key: 'span.kind', type: 'string', value: 'server' },
						],
						logs: [{ timestamp: (T0 + 1) * 1_000, fields: [{ key: 'event', type: 'string', value: 'hit' }] }],
						processID: 'p1',
						warnings: null,
					},
					{
						traceID: ONE,
						spanID: spanId('b'),
						operationName: 'SELECT',
						references: [
							{ refType: 'CHILD_OF', traceID: ONE, spanID: spanId('a') },
							{ refType: 'FOLLOWS_FROM', traceID: TWO, spanID: spanId('z') },
						],
						startTime: (T0 + 5) * 1_000,
						duration: 10_000,
						tags: [
							{ key: 'otel.scope.name', type: 'string', value: 'test' },
							{ key: 'otel.scope.version', type: 'string', value: '1' },
							{ key: 'span.kind', type: 'string', value: 'client' },
							{ key: 'otel.status_code', type: 'string', value: 'ERROR' },
							{ key: 'error', type: 'bool', value: true },
							{ key: 'otel.status_description', type: 'string', value: 'lost' },
						],
						logs: [],
						processID: 'p2',
						warnings: null,
					},
				],
				processes: {
					p1: { serviceName: 'gateway', tags: [{ key: 'host.name', type: 'string', value: 'h1' }] },
					p2: { serviceName: 'orders', tags: [{ key: 'host.name', type: 'string', value: 'h2' }] },
				},
				warnings: null,
			},
		]);
	});

	test('is found without leading zeros and by 16 digits', async () => {
		for (const id of ['abcd', '000000000000abcd', '0000000000000000000000000000ABCD'])
			expect(Envelope.parse(await platform.get(`/api/traces/${id}`)).data[0]?.traceID).toBe('000000000000abcd');
	});

	test("unknown is Jaeger's 404, malformed its 400", async () => {
		const unknown = await platform.app.inject('/api/traces/ffff');
		expect([unknown.statusCode, unknown.json()]).toEqual([
			404,
			{ data: null, total: 0, limit: 0, offset: 0, errors: [{ code: 404, msg: 'trace not found' }] },
		]);
		expect((await platform.app.inject('/api/traces/xyz')).statusCode).toBe(400);
	});
});

describe('search', () => {
	const tags = (value: object) => `tags=${encodeURIComponent(JSON.stringify(value))}`;

	test.each<[string, string[]]>([
		['service=gateway', ['000000000000abcd', TWO, ONE]],
		['', ['000000000000abcd', TWO, ONE]],
		['service=gateway&limit=1', ['000000000000abcd']],
		['service=orders', [ONE]],
		['service=gateway&operation=GET%20/', [TWO, ONE]],
		['service=gateway&minDuration=1.2s', [TWO]],
		['service=gateway&minDuration=1ms&maxDuration=100ms', ['000000000000abcd', ONE]],
		['service=orders&minDuration=20ms', []],
		[`service=gateway&${tags({ 'http.status_code': '200' })}`, [ONE]],
		[`service=gateway&${tags({ error: 'true' })}`, [TWO]],
		[`service=orders&${tags({ error: 'true', 'host.name': 'h2' })}`, [ONE]],
		[`service=orders&${tags({ 'host.name': 'h1' })}`, []],
		[`service=gateway&${tags({ 'span.kind': 'internal' })}`, ['000000000000abcd']],
		['service=gateway&tag=http.status_code:500', [TWO]],
		['service=gateway&tag=http.status_code:500&tag=error:true', [TWO]],
		[`traceID=${TWO}&traceID=abcd`, [TWO, '000000000000abcd']],
	])('%s', async (query, expected) => {
		expect(await found(query)).toEqual(expected);
	});

	test('answers whole traces', async () => {
		expect((await find('service=orders')).data[0]?.spans.map((span) => span.spanID)).toEqual([spanId('a'), spanId('b')]);
	});

	test('by ids names those it does not know', async () => {
		expect(await find(`traceID=${ONE}&traceID=ffff`)).toMatchObject({ data: [{ traceID: ONE }], errors: [{ msg: 'trace not found' }] });
	});

	test('looks back two days unless told otherwise', async () => {
		const { data } = Envelope.parse(await platform.get('/api/traces?service=orders'));
		expect(data).toHaveLength(1);
		expect((await platform.get<{ data: unknown[] }>('/api/traces?service=orders&lookback=1h')).data).toHaveLength(0);
	});

	test.each(['minDuration=fast', 'limit=-1', 'start=now', 'tags={', 'tag=x'])("%s is refused in Jaeger's shape", async (query) => {
		const answer = await platform.app.inject(`/api/traces?service=a&${query}`);
		expect([answer.statusCode, answer.json()]).toMatchObject([400, { data: null, errors: [{ code: 400 }] }]);
	});
});
