/** The rules of what is kept, cut and refused, one by one. */

import { describe, expect, test } from 'vitest';
import { Block } from '../../src/model/block.ts';
import { type Signal, TABLES, type TableSpec } from '../../src/model/schema.ts';
import { decode } from '../../src/otlp/decode.ts';
import { encodeRequest } from './reference.ts';

const RECEIVED_MS = Date.UTC(2026, 0, 15, 10, 20);
const NOW_NS = String(BigInt(RECEIVED_MS) * 1_000_000n);
const TRACE_ID = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const SPAN_ID = Uint8Array.from({ length: 8 }, (_, i) => i + 1);
const SPAN = { traceId: TRACE_ID, spanId: SPAN_ID, name: 'GET /', startTimeUnixNano: NOW_NS, endTimeUnixNano: NOW_NS };

function blockOf(signal: Signal): Block {
	return new Block((TABLES.find((spec) => spec.signal === signal) as TableSpec).columns);
}

function decodeBytes(signal: Signal, body: Uint8Array, block = blockOf(signal)) {
	const result = decode(signal, body, 'protobuf', block, RECEIVED_MS);
	return { ...result, block, rows: Array.from({ length: block.rows }, (_, row) => block.row(row)) };
}

function decodeJson(signal: Signal, request: unknown) {
	const block = blockOf(signal);
	const text = typeof request === 'string' ? request : JSON.stringify(request);
	const result = decode(signal, new TextEncoder().encode(text), 'json', block, RECEIVED_MS);
	return { ...result, block, rows: Array.from({ length: block.rows }, (_, row) => block.row(row)) };
}

function spans(...list: object[]): Uint8Array {
	return encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans: list }] }] });
}

function logs(...logRecords: object[]): Uint8Array {
	return encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}

function metrics(...list: object[]): Uint8Array {
	return encodeRequest('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: list }] }] });
}

function keys(row: Record<string, unknown>): string[] {
	return [...(row['attributes'] as ReadonlyMap<string, string>).keys()];
}

function text(key: string, stringValue: string) {
	return { key, value: { stringValue } };
}

/** Protobuf by hand: a length-delimited field. */
function field(number: number, ...content: (number | Uint8Array)[]): Uint8Array {
	const bytes = Buffer.concat(content.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)));
	const header: number[] = [(number << 3) | 2];
	let rest = bytes.length;
	for (; rest >= 0x80; rest >>>= 7) header.push((rest & 0x7f) | 0x80);
	return Buffer.concat([Uint8Array.from([...header, rest]), bytes]);
}

function requestOf(record: Uint8Array): Uint8Array {
	return field(1, field(2, field(2, record)));
}

const IDS = Buffer.concat([field(1, TRACE_ID), field(2, SPAN_ID)]);

describe('ids of spans', () => {
	test.each([
		['no trace id', { traceId: new Uint8Array(0) }, 'trace_id'],
		['a trace id of 8 bytes', { traceId: SPAN_ID }, 'trace_id'],
		['a trace id of zeros', { traceId: new Uint8Array(16) }, 'trace_id'],
		['a span id of 16 bytes', { spanId: TRACE_ID }, 'span_id'],
		['a span id of zeros', { spanId: new Uint8Array(8) }, 'span_id'],
		['a parent id of 3 bytes', { parentSpanId: new Uint8Array(3) }, 'parent_span_id'],
	])('%s rejects that span alone', (_, wrong, reason) => {
		const event = { name: 'an event', attributes: [text('only.here', 'x')] };
		const { accepted, rejected, message, rows, block } = decodeBytes(
			'traces',
			spans(SPAN, { ...SPAN, ...wrong, name: 'bad one', events: [event] }, SPAN),
		);
		expect({ accepted, rejected }).toEqual({ accepted: 2, rejected: 1 });
		expect(message).toContain('1 spans rejected');
		expect(message).toContain(`${reason} must be`);
		expect(message).toContain('"bad one"');
		expect(rows.map(({ name, event_names }) => [name, event_names])).toEqual([
			['GET /', []],
			['GET /', []],
		]);
		const { block: clean } = decodeBytes('traces', spans(SPAN, SPAN));
		expect(block.size()).toBe(clean.size());
	});

	test('hexadecimal in either case; base64 is not taken for an id', () => {
		const ids = { traceId: 'ABCDEF0123456789abcdef0123456789', spanId: 'ABCDEFabcdef0123' };
		const wrong = [
			{ traceId: Buffer.from(TRACE_ID).toString('base64') },
			{ traceId: 'g'.repeat(32) },
			{ spanId: 'abc' },
			{ parentSpanId: 'not hex' },
		];
		const list = [ids, ...wrong.map((id) => ({ ...ids, ...id }))];
		const { accepted, rejected, rows } = decodeJson('traces', { resourceSpans: [{ scopeSpans: [{ spans: list }] }] });
		expect({ accepted, rejected }).toEqual({ accepted: 1, rejected: 4 });
		expect(Buffer.from(rows[0]?.['trace_id'] as Uint8Array).toString('hex')).toBe('abcdef0123456789abcdef0123456789');
	});

	test('many reasons make a short message', () => {
		const bad = Array.from({ length: 5000 }, (_, i) => ({ ...SPAN, name: `n${i}`.repeat(500), traceId: new Uint8Array(i % 16) }));
		const { rejected, message } = decodeBytes('traces', spans(...bad));
		expect(rejected).toBe(5000);
		expect(message.length).toBeLessThan(1000);
	});
});

test('a log record with wrong ids stays and loses them', () => {
	const { accepted, rejected, rows } = decodeBytes('logs', logs({ traceId: SPAN_ID, spanId: TRACE_ID, body: { stringValue: 'kept' } }));
	expect({ accepted, rejected }).toEqual({ accepted: 1, rejected: 0 });
	expect(rows[0]).toMatchObject({ trace_id: new Uint8Array(16), span_id: new Uint8Array(8), body: 'kept', body_type: 's' });
});

test.each([
	['its own', { timeUnixNano: '5000', observedTimeUnixNano: '7000' }, 5000n],
	['the observed one', { observedTimeUnixNano: '7000' }, 7000n],
	['that of receipt', {}, BigInt(NOW_NS)],
])('the time of a log record is %s, and what came is kept', (_, times: { timeUnixNano?: string; observedTimeUnixNano?: string }, time) => {
	expect(decodeBytes('logs', logs(times)).rows[0]).toMatchObject({
		time,
		time_ns: BigInt(times.timeUnixNano ?? 0),
		observed_time_ns: BigInt(times.observedTimeUnixNano ?? 0),
		hour: Date.UTC(2026, 0, 15, 10) / 1000,
	});
});

describe('attributes', () => {
	test('of equal keys the last one wins, types included', () => {
		const attributes = [
			text('a', '1'),
			{ key: 'b', value: { intValue: '2' } },
			{ key: 'a', value: { boolValue: true } },
			text('b', 'two'),
			text('c', 'é'),
		];
		const { rows } = decodeBytes('traces', spans({ ...SPAN, attributes, events: [{ attributes }] }));
		const expected = new Map([
			['a', 'true'],
			['b', 'two'],
			['c', 'é'],
		]);
		expect(rows[0]).toMatchObject({
			attributes: expected,
			attribute_types: 'ba\n',
			event_attributes: [expected],
			event_attribute_types: ['ba\n'],
		});
	});

	test('all of one key many times over are one', () => {
		const attributes = Array.from({ length: 1000 }, (_, i) => ({ key: 'k', value: { intValue: i } }));
		expect(decodeBytes('traces', spans({ ...SPAN, attributes }, SPAN)).rows[0]).toMatchObject({
			attributes: new Map([['k', '999']]),
			attribute_types: 'ik\n',
		});
	});

	test('types are named in wire order, keys escaped', () => {
		const attributes = [
			{ key: 'i', value: { intValue: '-9223372036854775808' } },
			text('s', ''),
			{ key: 'd\n\\', value: { doubleValue: -0 } },
			{ key: 'x', value: { bytesValue: Uint8Array.of(255, 0) } },
			{ key: 'n', value: {} },
			{ key: 'a', value: { arrayValue: { values: [{ doubleValue: Number.NaN }, {}] } } },
			{ key: 'm', value: { kvlistValue: { values: [{ key: '"', value: { bytesValue: Uint8Array.of(1) } }] } } },
		];
		expect(decodeBytes('traces', spans({ ...SPAN, attributes })).rows[0]).toMatchObject({
			attributes: new Map([
				['i', '-9223372036854775808'],
				['s', ''],
				['d\n\\', '-0'],
				['x', '/wA='],
				['n', ''],
				['a', '{"values":[{"doubleValue":"NaN"},{}]}'],
				['m', '{"values":[{"key":"\\"","value":{"bytesValue":"AQ=="}}]}'],
			]),
			attribute_types: 'ii\ndd\\n\\\\\nxx\nnn\naa\nmm\n',
		});
	});

	test('beyond 1024, or with a key beyond 1024 bytes, they are dropped and counted', () => {
		const many = Array.from({ length: 1100 }, (_, i) => text(`k${i}`, 'v'));
		const long = [text('k'.repeat(1025), 'v'), text('k'.repeat(1024), 'v')];
		const { rows } = decodeBytes('traces', spans({ ...SPAN, attributes: many, droppedAttributesCount: 5 }, { ...SPAN, attributes: long }));
		expect(rows.map((row) => [row['dropped_attributes'], keys(row).length])).toEqual([
			[81, 1024],
			[1, 1],
		]);
	});

	function nested(depth: number): object {
		return depth === 0 ? { stringValue: 'core' } : { arrayValue: { values: [nested(depth - 1)] } };
	}

	test.each(['protobuf', 'json'] as const)('may nest 32 deep; deeper ones are dropped and counted (%s)', (encoding) => {
		const attributes = [text('before', 'b'), { key: 'deep', value: nested(33) }, { key: 'fits', value: nested(32) }];
		const hex = { ...SPAN, traceId: Buffer.from(TRACE_ID).toString('hex'), spanId: Buffer.from(SPAN_ID).toString('hex') };
		const { rows, rejected } =
			encoding === 'protobuf'
				? decodeBytes('traces', spans({ ...SPAN, attributes }))
				: decodeJson('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ ...hex, attributes }] }] }] });
		expect(rejected).toBe(0);
		expect(rows.map(keys)).toEqual([['before', 'fits']]);
		expect(rows[0]).toMatchObject({ dropped_attributes: 1, attribute_types: 'afits\n' });
	});

	test('a body that nests deeper rejects its record, a point that would lose attributes is rejected', () => {
		expect(decodeBytes('logs', logs({ body: nested(33) }, { body: nested(32) }))).toMatchObject({ accepted: 1, rejected: 1 });
		const dataPoints = [{ attributes: [{ key: 'deep', value: nested(40) }], asInt: '1' }, { asInt: '2' }];
		const { accepted, rejected, message } = decodeBytes('metrics', metrics({ name: 'm', gauge: { dataPoints } }));
		expect({ accepted, rejected }).toEqual({ accepted: 1, rejected: 1 });
		expect(message).toContain('"m"');
	});

	test('in any order of fields, twice, with lengths of several bytes, and with the fields of profiles', () => {
		const attribute = (...parts: Uint8Array[]) => field(9, ...parts);
		const key = field(1, Buffer.from('k'));
		const value = (content: string) => field(2, field(1, Buffer.from(content)));
		const record = Buffer.concat([
			IDS,
			attribute(value('value first'), key),
			attribute(field(1, Buffer.from('twice')), value('old'), value('new')),
			attribute(Uint8Array.of(0x0a, 0x84, 0x00), Buffer.from('long'), value('x'.repeat(300))),
			attribute(field(1, Buffer.from('strindex')), Uint8Array.of(0x18, 7), field(2, Uint8Array.of(0x40, 9))),
			attribute(field(1, Buffer.from('no value'))),
			attribute(value('no key')),
			attribute(field(1, Buffer.from('oneof')), field(2, field(1, Buffer.from('text')), 0x10, 1)),
		]);
		expect(decodeBytes('traces', requestOf(record)).rows[0]).toMatchObject({
			attributes: new Map([
				['k', 'value first'],
				['twice', 'new'],
				['long', 'x'.repeat(300)],
				['strindex', ''],
				['no value', ''],
				['', 'no key'],
				['oneof', 'true'],
			]),
			attribute_types: 'nstrindex\nnno value\nboneof\n',
		});
	});
});

test('strings that are not UTF-8 are mended with U+FFFD wherever they stand', () => {
	const bad = Uint8Array.of(0x61, 0xc3);
	const attribute = field(9, field(1, bad), field(2, field(1, bad)));
	const list = field(9, field(1, Buffer.from('list')), field(2, field(5, field(1, field(1, bad)))));
	const span = Buffer.concat([IDS, field(3, bad), field(5, bad), attribute, list, field(15, field(2, bad))]);
	const resource = field(1, field(1, field(1, Buffer.from('service.name')), field(2, field(1, bad))));
	const { rows } = decodeBytes('traces', field(1, resource, field(2, field(1, field(1, bad)), field(2, span))));
	expect(rows[0]).toMatchObject({
		trace_state: 'a\ufffd',
		name: 'a\ufffd',
		status_message: 'a\ufffd',
		service_name: 'a\ufffd',
		attributes: new Map([
			['a\ufffd', 'a\ufffd'],
			['list', '{"values":[{"stringValue":"a\ufffd"}]}'],
		]),
		resource: '{"attributes":{"service.name":"a\ufffd"}}',
		scope: '{"name":"a\ufffd"}',
	});
});

describe('resources and scopes', () => {
	test('schema URLs after the records, one resource under two URLs, and none at all', () => {
		const resource = { attributes: [text('service.name', 'shop'), { key: 'n', value: { intValue: 1 } }], droppedAttributesCount: 2 };
		const scopeSpans = [
			{ spans: [SPAN], schemaUrl: 'scope/1' },
			{ scope: { name: 's' }, spans: [SPAN] },
		];
		const { rows } = decodeBytes(
			'traces',
			encodeRequest('traces', {
				resourceSpans: [{ resource, scopeSpans, schemaUrl: 'one' }, { resource, scopeSpans, schemaUrl: 'two' }, { scopeSpans }],
			}),
		);
		const shared = '{"attributes":{"service.name":"shop","n":"1"},"types":"in\\n","dropped":2,"schemaUrl":';
		expect(rows.map(({ resource: text }) => text)).toEqual([
			`${shared}"one"}`,
			`${shared}"one"}`,
			`${shared}"two"}`,
			`${shared}"two"}`,
			'',
			'',
		]);
		expect(rows.map(({ scope }) => scope)).toEqual(
			Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? '{"schemaUrl":"scope/1"}' : '{"name":"s"}')),
		);
		expect(rows.map(({ service_name }) => service_name)).toEqual(['shop', 'shop', 'shop', 'shop', 'unknown_service', 'unknown_service']);
	});

	test('a resource that follows its records still belongs to them', () => {
		const scope = field(2, field(2, IDS));
		const resource = field(1, field(1, field(1, Buffer.from('service.name')), field(2, field(1, Buffer.from('late')))));
		expect(decodeBytes('traces', field(1, scope, resource)).rows[0]).toMatchObject({ service_name: 'late' });
		const json =
			'{"resourceSpans":[{"schemaUrl":"u","scopeSpans":[{"spans":[{"traceId":"01020304050607080102030405060708","spanId":"0102030405060708"}]}],"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"late"}}]}}]}';
		expect(decodeJson('traces', json).rows[0]).toMatchObject({ service_name: 'late' });
	});
});

describe('malformed protobuf', () => {
	const varint = (...bytes: number[]) => Uint8Array.from(bytes);
	test.each([
		['a length beyond the body', varint(0x0a, 0x05, 0x00)],
		['a length of 2^63', varint(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
		['a length of 2^32 + 1', varint(0x0a, 0x81, 0x80, 0x80, 0x80, 0x10, 0x00)],
		['a varint cut off', varint(0x80)],
		['a varint of eleven bytes', varint(0x08, ...Array.from({ length: 10 }, () => 0x80), 0x01)],
		['field number 0', varint(0x00, 0x00)],
		['a field number beyond 29 bits', varint(0x80, 0x80, 0x80, 0x80, 0x80, 0x01)],
		['wire type 6', varint(0x0e)],
		['wire type 7', varint(0x0f)],
		['a group that does not end', varint(0x13)],
		['the end of a group that did not begin', varint(0x14)],
		['a group closed by another number', varint(0x13, 0x1c)],
		['groups without end', Uint8Array.from({ length: 100 }, () => 0x13)],
		['a fixed64 cut off', requestOf(Buffer.concat([IDS, varint(0x39, 1, 2)]))],
		['a string beyond its message', requestOf(Buffer.concat([IDS, varint(0x2a, 0x20), Buffer.from('short')]))],
		['an attribute beyond its span', requestOf(Buffer.concat([IDS, varint(0x4a, 0x04, 0x0a, 0x06), Buffer.from('kk')]))],
		['JSON', Buffer.from('{"resourceSpans":[]}')],
	])('%s is refused', (_, body) => {
		const block = blockOf('traces');
		decodeBytes('traces', spans(SPAN), block);
		expect(() => decodeBytes('traces', Buffer.concat([spans({ ...SPAN, name: 'good' }), body]), block)).toThrow(
			expect.objectContaining({ name: 'Failure', code: 'malformed', retryable: false }),
		);
		expect(block.rows).toBe(1);
		expect(block.row(0)).toMatchObject({ name: 'GET /' });
	});

	test('unknown fields of every wire type are stepped over, at every depth', () => {
		const unknown = Buffer.from(
			['f807ffff03', 'f9070102030405060708', 'fa07020909', 'fb070801fb07fc07fc07', 'fd0701020304'].join(''), // varint, fixed64, bytes, groups, fixed32
			'hex',
		);
		const attribute = field(9, unknown, field(1, Buffer.from('k')), field(2, unknown, field(1, Buffer.from('v')), unknown));
		const event = field(11, unknown, field(2, Buffer.from('e')));
		const span = Buffer.concat([unknown, IDS, attribute, event, unknown]);
		const body = Buffer.concat([unknown, field(1, unknown, field(2, unknown, field(2, span), unknown), unknown), unknown]);
		expect(decodeBytes('traces', body).rows[0]).toMatchObject({ attributes: new Map([['k', 'v']]), event_names: ['e'] });
	});

	test('a known field of another wire type is an unknown field', () => {
		const record = Buffer.concat([IDS, Uint8Array.of(0x28, 0x05, 0x30, 0x02), field(6, Buffer.from('x'))]);
		expect(decodeBytes('traces', requestOf(record)).rows[0]).toMatchObject({ name: '', kind: 2 });
	});
});

describe('JSON', () => {
	test('names of enums, snake_case, null, unknown fields, numbers beyond 2^53', () => {
		const { rows } = decodeJson(
			'traces',
			`\n{ "resource_spans": [ { "unknown": [{"deep": [null, 1e9, "x"]}], "scope_spans": [ null, { "spans": [ {
				"trace_id": "01020304050607080102030405060708", "spanId": "0102030405060708", "parentSpanId": "", "kind": "SPAN_KIND_SERVER",
				"startTimeUnixNano": 1768472400123456789, "end_time_unix_nano": "1768472400123456790", "name": null,
				"attributes": [ {"key": "big", "value": {"intValue": 9007199254740993}}, {"key": "none", "value": null}, {"key": "both", "value": {"stringValue": null, "boolValue": true}},
					{"key": "bytes", "value": {"bytesValue": "_-8"}}, {"key": "d", "value": {"doubleValue": "-Infinity"}} ],
				"status": { "code": "STATUS_CODE_ERROR" }, "flags": 4294967295 } ] } ] } ] }`,
		);
		expect(rows).toHaveLength(1);
		expect(rows[0]).toMatchObject({
			kind: 2,
			start_time: 1768472400123456789n,
			duration_ns: 1n,
			name: '',
			status_code: 2,
			flags: 4294967295,
			attributes: new Map([
				['big', '9007199254740993'],
				['none', ''],
				['both', 'true'],
				['bytes', '/+8='],
				['d', '-Infinity'],
			]),
			attribute_types: 'ibig\nnnone\nbboth\nxbytes\ndd\n',
		});
	});

	test('metrics: enum names, quoted and bare counts, every kind of double', () => {
		const request = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","exponentialHistogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[
			{"count":"3","sum":1.5,"scale":-3,"zeroCount":1,"positive":{"offset":-2,"bucketCounts":["18446744073709551615",2]},"min":"-0","max":"Infinity","flags":1}]}}]}]}]}`;
		expect(decodeJson('metrics', request).rows[0]).toMatchObject({
			type: 10,
			temporality: 1,
			count: 3n,
			sum: 1.5,
			scale: -3,
			zero_count: 1n,
			positive_offset: -2,
			positive_counts: [2n ** 64n - 1n, 2n],
			min: -0,
			max: Number.POSITIVE_INFINITY,
			present: 7,
			flags: 1,
		});
	});

	test.each([
		['nothing', ''],
		['an array', '[]'],
		['protobuf', Buffer.from(spans(SPAN)).toString('latin1')],
		['a trailing comma', '{"resourceSpans":[],}'],
		['text after the end', '{} {}'],
		['a string for an array', '{"resourceSpans":"x"}'],
		['a number for a string', '{"resourceSpans":[{"schemaUrl":5}]}'],
		['an unknown enum name', '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"constructor"}]}]}]}'],
		['a negative time', '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}'],
		['bad base64', '{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":{"bytesValue":"*"}}]}}]}'],
		['nesting without end', `{"x":${'['.repeat(100_000)}`],
		['values without end', `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${'{"arrayValue":{"values":['.repeat(50_000)}`],
	])('%s is refused', (_, body) => {
		expect(() => decodeJson('traces', body)).toThrow(expect.objectContaining({ name: 'Failure', code: 'malformed' }));
	});

	test('an empty request is a success', () => {
		for (const signal of ['traces', 'logs', 'metrics'] as const) {
			expect(decodeJson(signal, '{}')).toMatchObject({ accepted: 0, rejected: 0, message: '' });
			expect(decodeBytes(signal, new Uint8Array(0))).toMatchObject({ accepted: 0, rejected: 0, message: '' });
		}
	});
});

test('repeated numbers may be packed or not, offsets are zigzag', () => {
	const fixed = (value: bigint) => Buffer.from(BigUint64Array.of(value).buffer);
	const histogram = Buffer.concat([Uint8Array.of(0x31), fixed(7n), field(6, fixed(8n), fixed(9n)), Uint8Array.of(0x31), fixed(10n)]);
	const exponential = field(8, 0x08, 0x03, 0x10, 0x05, field(2, 0x06, 0xff, 0x01), 0x10, 0x07);
	const body = (type: number, point: Uint8Array) => field(1, field(2, field(2, field(type, field(1, point)))));
	expect(decodeBytes('metrics', body(9, histogram)).rows[0]).toMatchObject({ bucket_counts: [7n, 8n, 9n, 10n] });
	expect(decodeBytes('metrics', body(10, exponential)).rows[0]).toMatchObject({ positive_offset: -2, positive_counts: [5n, 6n, 255n, 7n] });
});

test('metrics without data or points are no rows', () => {
	expect(decodeBytes('metrics', metrics({ name: 'nothing' }, { name: 'empty', gauge: {} }))).toMatchObject({ accepted: 0, rejected: 0 });
});

test('more records than a request may hold are rejected, more events dropped', () => {
	const record = field(2);
	const many = Buffer.concat(Array.from({ length: 2 ** 18 + 5 }, () => record));
	const { accepted, rejected, message } = decode('logs', field(1, field(2, many)), 'protobuf', blockOf('logs'), RECEIVED_MS);
	expect({ accepted, rejected }).toEqual({ accepted: 2 ** 18, rejected: 5 });
	expect(message).toContain('a request may hold 262144 log records');
	const events = Buffer.concat(Array.from({ length: 2 ** 20 + 7 }, () => field(11)));
	const block = blockOf('traces');
	decode('traces', requestOf(Buffer.concat([IDS, events])), 'protobuf', block, RECEIVED_MS);
	expect(block.column('dropped_events').get(0)).toBe(7);
});
