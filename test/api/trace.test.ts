import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LogsResponse, SpanDetail, TraceResponse } from '../../src/api/contract.ts';
import { hoursAgo, keyValues, nanos, spanId, type TestSpan, traceId, traces } from './otlp.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';

let platform: TestPlatform;
const T0 = hoursAgo(48);

const CHECKOUT: readonly TestSpan[] = [
	{
		trace: 'checkout',
		id: 'root',
		service: 'gateway',
		name: 'POST /checkout',
		startMs: T0 + 0.25,
		resource: { 'telemetry.sdk.language': 'go', 'host.cpus': 8 },
		events: [
			{ name: 'accepted', atMs: T0 + 1 },
			{ name: 'retry', atMs: T0 + 50, attributes: { attempt: 2 } },
		],
		attributes: {
			text: 'ünïcödé "quoted" \\ and\nnewline',
			empty: '',
			int: 42,
			big: 9_007_199_254_740_993n,
			negative: -1n,
			double: 0.1,
			nan: Number.NaN,
			infinite: Number.POSITIVE_INFINITY,
			yes: true,
			no: false,
			bytes: new Uint8Array([0, 1, 255]),
			list: ['a', 1, [true]],
			map: { k: 'v', n: null },
			nothing: null,
			__proto__x: 'safe',
		},
		more: {
			endTimeUnixNano: String(BigInt(nanos(T0 + 0.25)) + 100_000_001n),
			traceState: 'vendor=1',
			flags: 257,
			droppedAttributesCount: 3,
			droppedEventsCount: 4,
			droppedLinksCount: 5,
		},
	},
	{
		trace: 'checkout',
		id: 'child',
		parent: 'root',
		service: 'orders',
		name: 'POST /orders',
		kind: 3,
		startMs: T0 + 10,
		durationMs: 20,
		error: 'no stock',
		resource: { 'telemetry.sdk.language': 'rust' },
		links: [{ trace: 'elsewhere', id: 'x', attributes: { why: 'batch' } }],
	},
	{ trace: 'checkout', id: 'leaf', parent: 'child', service: 'orders', name: 'POST /checkout', kind: 1, startMs: T0 + 12, durationMs: 5 },
];

beforeAll(async () => {
	platform = await startTestPlatform();
	// The child comes first and alone: order of arrival is not order in time.
	await platform.ingestTraces(traces(...CHECKOUT.slice(1)));
	await platform.ingestTraces(traces(...CHECKOUT.slice(0, 1)));
});
afterAll(async () => await platform[Symbol.asyncDispose]());

const url = (name: string, rest = '') => `/api/v1/traces/${traceId(name)}${rest}`;

describe('a trace', () => {
	test('is columns sorted by start, offsets in nanoseconds from the earliest span', async () => {
		const trace = TraceResponse.parse(await platform.get(url('checkout')));
		expect(trace).toMatchObject({
			traceId: traceId('checkout'),
			startNs: nanos(T0 + 0.25),
			durationNs: 100_000_001,
			spanCount: 3,
			truncated: false,
			services: [
				{ service: 'gateway', language: 'go' },
				{ service: 'orders', language: 'rust' },
			],
			names: ['POST /checkout', 'POST /orders', 'accepted', 'retry'],
			columns: {
				spanId: ['root', 'child', 'leaf'].map(spanId),
				parentSpanId: ['', spanId('root'), spanId('child')],
				service: [0, 1, 1],
				name: [0, 1, 0],
				kind: [2, 3, 1],
				status: [0, 2, 0],
				startOffsetNs: [0, 9_750_000, 11_750_000],
				durationNs: [100_000_001, 20e6, 5e6],
				linkCount: [0, 1, 0],
			},
			events: { span: [0, 0], offsetNs: [750_000, 49_750_000], name: [2, 3] },
			linkedFrom: [],
		});
	});

	test('is found by its id in upper case and without leading zeros', async () => {
		const short = traceId('checkout').replace(/^0+/, '').toUpperCase();
		expect((await platform.get<TraceResponse>(`/api/v1/traces/${short}`)).traceId).toBe(traceId('checkout'));
	});

	test('that is not stored is said to be not found', async () => {
		for (const path of [
			url('unknown'),
			url('unknown', `/spans/${spanId('a')}`),
			url('unknown', '/logs'),
			url('unknown', '/otlp'),
			url('checkout', `/spans/${spanId('zz')}`),
		]) {
			const answer = await platform.app.inject(path);
			expect([path, answer.statusCode, answer.json()]).toMatchObject([path, 404, { error: { code: 'not_found' } }]);
		}
	});

	test('lists spans of other traces that link to it within a day', async () => {
		const other = (trace: string, startMs: number, links: TestSpan['links'] & object): TestSpan => ({
			trace,
			id: `${trace}s`,
			service: 'worker',
			name: 'process',
			kind: 5,
			startMs,
			links,
		});
		await platform.ingestTraces(traces({ trace: 'linked', id: 'a', startMs: T0 }));
		await platform.ingestTraces(
			traces(
				other('batch2', T0 + 2_000, [{ trace: 'linked', id: 'a' }]),
				other('batch1', T0 + 1_000, [
					{ trace: 'nowhere', id: 'q' },
					{ trace: 'linked', id: 'a' },
					{ trace: 'linked', id: 'b' },
				]),
				other('toolate', T0 + 25 * 3_600_000, [{ trace: 'linked', id: 'a' }]),
				{ trace: 'linked', id: 'b', parent: 'a', startMs: T0 + 5, links: [{ trace: 'linked', id: 'a' }] },
			),
		);
		const { linkedFrom } = TraceResponse.parse(await platform.get(url('linked')));
		expect(linkedFrom.map((link) => [link.traceId, link.spanId, link.service, link.name, link.linkedSpanId])).toEqual([
			[traceId('batch1'), spanId('batch1s'), 'worker', 'process', spanId('a')],
			[traceId('batch1'), spanId('batch1s'), 'worker', 'process', spanId('b')],
			[traceId('batch2'), spanId('batch2s'), 'worker', 'process', spanId('a')],
		]);
	});

	test('of more than 100 000 spans is cut there, in order, and says so', async () => {
		const startNs = BigInt(T0) * 1_000_000n;
		await platform.store.command(
			`INSERT INTO spans_live (hour, trace_id, span_id, parent_span_id, service_name, name, kind, start_time, duration_ns, event_times, event_names)
			SELECT toStartOfHour(start_time), unhex({trace:String}), unhex(leftPad(lower(hex(number + 1)), 16, '0')), if(number = 0, '', unhex('0000000000000001')), 'svc' || toString(number % 3), 'op' || toString(number % 100), 1,
				fromUnixTimestamp64Nano({start:Int64} + intHash32(number) % 1000000) AS start_time, 1000, if(number % 1000 = 0, [start_time], []), if(number % 1000 = 0, ['tick'], [])
			FROM numbers(100500)`,
			{ trace: traceId('huge'), start: String(startNs) },
		);
		const answer = await platform.app.inject({ url: url('huge'), headers: { 'accept-encoding': 'gzip' } });
		const trace = TraceResponse.parse(JSON.parse(gunzipSync(answer.rawPayload).toString()));
		expect(trace).toMatchObject({ spanCount: 100_500, truncated: true, meta: { truncated: true } });
		const { startOffsetNs, spanId: ids } = trace.columns;
		expect(startOffsetNs).toHaveLength(100_000);
		expect(new Set(ids).size).toBe(100_000);
		let sorted = true;
		for (let index = 1; index < startOffsetNs.length; index++) {
			const [a, b] = [startOffsetNs[index - 1] ?? 0, startOffsetNs[index] ?? 0];
			sorted &&= a < b || (a === b && (ids[index - 1] ?? '') < (ids[index] ?? ''));
		}
		expect(sorted).toBe(true);
		for (const [index, span] of trace.events.span.entries()) expect(trace.events.offsetNs[index]).toBe(startOffsetNs[span]);

		const otlp = await platform.app.inject(url('huge', '/otlp'));
		expect(otlp.headers['x-throughline-spans-left-out']).toBe('500');
		const document = otlp.json<{ resourceSpans: { scopeSpans: { spans: { spanId: string }[] }[] }[] }>();
		const downloaded = document.resourceSpans.flatMap((group) =>
			group.scopeSpans.flatMap((scope) => scope.spans.map((span) => span.spanId)),
		);
		expect(new Set(downloaded)).toEqual(new Set(ids));
		expect(downloaded).toHaveLength(100_000);
	});
});

describe('a span', () => {
	test('shows everything it came with, typed', async () => {
		const span = SpanDetail.parse(await platform.get(url('checkout', `/spans/${spanId('root')}`)));
		expect(span).toEqual({
			traceId: traceId('checkout'),
			spanId: spanId('root'),
			parentSpanId: '',
			traceState: 'vendor=1',
			flags: 257,
			service: 'gateway',
			name: 'POST /checkout',
			kind: 'server',
			startNs: nanos(T0 + 0.25),
			durationNs: 100_000_001,
			statusCode: 'unset',
			statusMessage: '',
			attributes: [
				{ key: '__proto__x', type: 'string', value: 'safe' },
				{ key: 'big', type: 'int', value: '9007199254740993' },
				{ key: 'bytes', type: 'bytes', value: 'AAH/' },
				{ key: 'double', type: 'double', value: '0.1' },
				{ key: 'empty', type: 'string', value: '' },
				{ key: 'infinite', type: 'double', value: 'Infinity' },
				{ key: 'int', type: 'int', value: '42' },
				{
					key: 'list',
					type: 'array',
					value: '{"values":[{"stringValue":"a"},{"intValue":"1"},{"arrayValue":{"values":[{"boolValue":true}]}}]}',
				},
				{ key: 'map', type: 'kvlist', value: '{"values":[{"key":"k","value":{"stringValue":"v"}},{"key":"n","value":{}}]}' },
				{ key: 'nan', type: 'double', value: 'NaN' },
				{ key: 'negative', type: 'int', value: '-1' },
				{ key: 'no', type: 'bool', value: 'false' },
				{ key: 'nothing', type: 'empty', value: '' },
				{ key: 'text', type: 'string', value: 'ünïcödé "quoted" \\ and\nnewline' },
				{ key: 'yes', type: 'bool', value: 'true' },
			],
			droppedAttributes: 3,
			resource: [
				{ key: 'host.cpus', type: 'int', value: '8' },
				{ key: 'service.name', type: 'string', value: 'gateway' },
				{ key: 'telemetry.sdk.language', type: 'string', value: 'go' },
			],
			scope: { name: 'test', version: '1', attributes: [] },
			events: [
				{ timeNs: nanos(T0 + 1), name: 'accepted', attributes: [], droppedAttributes: 0 },
				{ timeNs: nanos(T0 + 50), name: 'retry', attributes: [{ key: 'attempt', type: 'int', value: '2' }], droppedAttributes: 0 },
			],
			droppedEvents: 4,
			links: [],
			droppedLinks: 5,
		});
	});

	test('shows its error and its links', async () => {
		const span = SpanDetail.parse(await platform.get(url('checkout', `/spans/${spanId('child')}`)));
		expect(span).toMatchObject({
			parentSpanId: spanId('root'),
			kind: 'client',
			statusCode: 'error',
			statusMessage: 'no stock',
			links: [
				{
					traceId: traceId('elsewhere'),
					spanId: spanId('x'),
					traceState: '',
					attributes: [{ key: 'why', type: 'string', value: 'batch' }],
				},
			],
		});
	});
});

describe('a downloaded trace', () => {
	test('taken back in under the same ids is the same trace, types and all', async () => {
		const answer = await platform.app.inject(url('checkout', '/otlp'));
		expect(answer.headers['content-disposition']).toBe(`attachment; filename="trace-${traceId('checkout')}.json"`);
		const again = await startTestPlatform();
		try {
			await again.ingestTraces(answer.json<object>());
			for (const id of ['root', 'child', 'leaf']) {
				const path = url('checkout', `/spans/${spanId(id)}`);
				expect(await again.get(path)).toEqual(await platform.get(path));
			}
			const [first, second] = await Promise.all([platform, again].map((one) => one.get<TraceResponse>(url('checkout'))));
			expect({ ...second, meta: null }).toEqual({ ...first, meta: null });
			expect((await again.app.inject(url('checkout', '/otlp'))).json()).toEqual(answer.json());
		} finally {
			await again[Symbol.asyncDispose]();
		}
	});
});

describe('logs of a trace', () => {
	const record = (trace: string, atMs: number, body: object, more: object = {}) => ({
		timeUnixNano: nanos(atMs),
		traceId: traceId(trace),
		severityNumber: 13,
		severityText: 'WARN',
		body,
		...more,
	});
	const request = (...logRecords: object[]) => ({
		resourceLogs: [{ resource: { attributes: keyValues({ 'service.name': 'orders' }) }, scopeLogs: [{ logRecords }] }],
	});

	test('come oldest first with typed attributes, and only its own', async () => {
		await platform.ingestLogs(
			request(
				record('checkout', T0 + 30, { stringValue: 'second' }, { spanId: spanId('child'), attributes: keyValues({ retry: true }) }),
				record('checkout', T0 + 5, { stringValue: 'first' }),
				record('other', T0 + 6, { stringValue: 'not mine' }),
			),
		);
		const { logs, meta } = LogsResponse.parse(await platform.get(url('checkout', '/logs')));
		expect(logs).toEqual([
			{
				timeNs: nanos(T0 + 5),
				service: 'orders',
				severityNumber: 13,
				severityText: 'WARN',
				eventName: '',
				body: 'first',
				traceId: traceId('checkout'),
				spanId: '',
				attributes: [],
			},
			{
				timeNs: nanos(T0 + 30),
				service: 'orders',
				severityNumber: 13,
				severityText: 'WARN',
				eventName: '',
				body: 'second',
				traceId: traceId('checkout'),
				spanId: spanId('child'),
				attributes: [{ key: 'retry', type: 'bool', value: 'true' }],
			},
		]);
		expect(meta.truncated).toBe(false);
	});

	test('are found even when no span of the trace is', async () => {
		await platform.ingestLogs(request(record('spanless', T0, { stringValue: 'alone' })));
		expect((await platform.get<LogsResponse>(url('spanless', '/logs'))).logs.map((log) => log.body)).toEqual(['alone']);
	});
});
