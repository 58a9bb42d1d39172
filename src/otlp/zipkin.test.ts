import { expect, test } from 'vitest';
import { zipkinToOtlpJson } from './zipkin.ts';

const RECEIVED_MS = 1_700_000_000_000;

interface Span {
	readonly attributes: readonly { readonly key: string; readonly value: object }[];
	readonly startTimeUnixNano: string;
	readonly status: object;
}

interface Request {
	readonly resourceSpans: readonly {
		readonly resource: { readonly attributes: readonly object[] };
		readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly Span[] }[];
	}[];
}

function convert(...spans: object[]): Request {
	return JSON.parse(Buffer.from(zipkinToOtlpJson(Buffer.from(JSON.stringify(spans)), RECEIVED_MS)).toString()) as Request;
}

function only(span: object): Span {
	const found = convert(span).resourceSpans[0]?.scopeSpans[0]?.spans[0];
	if (found === undefined) throw new Error('no span came out');
	return found;
}

const SPAN = { traceId: '5af7183fb1d4cf5f', id: '352bff9a74ca9ad2', name: 'get /api', timestamp: 1_556_604_172_355_737, duration: 1_431 };

test("Zipkin's own example keeps all it says", () => {
	const request = convert({
		...SPAN,
		parentId: '6b221d5bc9e6496c',
		kind: 'SERVER',
		localEndpoint: { serviceName: 'backend', ipv4: '192.168.99.1', port: 3306 },
		remoteEndpoint: { serviceName: 'mysql', ipv6: '2001:db8::c001', port: 58_648 },
		annotations: [{ timestamp: 1_556_604_172_355_800, value: 'wire send' }],
		tags: { 'http.method': 'GET', 'http.path': '/api' },
		shared: true,
	});
	expect(request.resourceSpans[0]?.resource.attributes).toEqual([{ key: 'service.name', value: { stringValue: 'backend' } }]);
	const span = request.resourceSpans[0]?.scopeSpans[0]?.spans[0];
	expect(span).toMatchObject({
		traceId: '00000000000000005af7183fb1d4cf5f',
		spanId: '352bff9a74ca9ad2',
		parentSpanId: '6b221d5bc9e6496c',
		name: 'get /api',
		kind: 2,
		startTimeUnixNano: '1556604172355737000',
		endTimeUnixNano: '1556604172357168000',
		events: [{ timeUnixNano: '1556604172355800000', name: 'wire send' }],
		status: { code: 0 },
	});
	const attributes = Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0] as unknown]));
	expect(attributes).toEqual({
		'http.method': 'GET',
		'http.path': '/api',
		'network.local.address': '192.168.99.1',
		'network.local.port': 3306,
		'network.peer.address': '2001:db8::c001',
		'network.peer.port': 58_648,
		'service.peer.name': 'mysql',
		'zipkin.shared': true,
	});
});

test.each([
	[{}, { code: 0 }],
	[{ error: '' }, { code: 2, message: '' }],
	[{ error: 'true' }, { code: 2, message: '' }],
	[{ error: 'false' }, { code: 0 }],
	[{ error: 'no answer' }, { code: 2, message: 'no answer' }],
	[{ 'otel.status_code': 'OK' }, { code: 1 }],
	[
		{ 'otel.status_code': 'ERROR', 'otel.status_description': 'late', error: 'x' },
		{ code: 2, message: 'late' },
	],
])('tags %j are the status %j', (tags, status) => {
	expect(only({ ...SPAN, tags }).status).toEqual(status);
});

test('spans are grouped by service and scope, and scope tags are no attributes', () => {
	const of = (serviceName: string, name?: string) => ({
		...SPAN,
		localEndpoint: { serviceName },
		...(name === undefined ? {} : { tags: { 'otel.scope.name': name, 'otel.scope.version': '1' } }),
	});
	const { resourceSpans } = convert(of('a'), of('b'), of('a', 'lib'), of('a', 'lib'));
	const shape = resourceSpans.map((each) => each.scopeSpans.map(({ scope, spans }) => [scope.name, spans.length]));
	expect(shape).toEqual([
		[
			['', 1],
			['lib', 2],
		],
		[['', 1]],
	]);
	expect(resourceSpans[0]?.scopeSpans[1]?.spans[0]?.attributes).toEqual([]);
});

test('a span without a time begins at its first annotation, or when it was received', () => {
	const { timestamp, ...rest } = SPAN;
	const start = (span: object): string => only(span).startTimeUnixNano;
	expect(start({ ...rest, annotations: [{ timestamp, value: 'cs' }] })).toBe('1556604172355737000');
	expect(start(rest)).toBe('1700000000000000000');
});

test.each(['', '{}', '[1]', '[null]', '[[]]', '\xff'])('%j is malformed', (body) => {
	expect(() => zipkinToOtlpJson(Buffer.from(body, 'latin1'), 0)).toThrow(expect.objectContaining({ code: 'malformed' }));
});

test('nonsense in fields is not fatal: the decoder judges the ids', () => {
	const span = only({ traceId: 7, tags: [], annotations: 'x', localEndpoint: null, timestamp: 'soon', duration: -1 });
	expect(span).toMatchObject({ traceId: `${'7'.padStart(32, '0')}`, spanId: '', attributes: [], events: [] });
});
