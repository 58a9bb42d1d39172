import { describe, expect, test } from 'vitest';
import type { SpanRow } from '../query/span-row.ts';
import { JaegerTrace, jaegerTrace } from './jaeger-format.ts';

const TRACE = '0123456789abcdef0123456789abcdef';

function row(over: Partial<SpanRow> = {}): SpanRow {
	return {
		traceId: TRACE,
		spanId: '00000000000000aa',
		parentSpanId: '',
		traceState: '',
		flags: 1,
		service: 'orders',
		name: 'POST /orders',
		kind: 2,
		startNs: '1700000000123456789',
		durationNs: '2500999',
		statusCode: 0,
		statusMessage: '',
		attributes: {},
		attributeTypes: '',
		droppedAttributes: 0,
		eventTimes: [],
		eventNames: [],
		eventAttributes: [],
		eventAttributeTypes: [],
		eventDroppedAttributes: [],
		droppedEvents: 0,
		linkTraceIds: [],
		linkSpanIds: [],
		linkTraceStates: [],
		linkFlags: [],
		linkAttributes: [],
		linkAttributeTypes: [],
		linkDroppedAttributes: [],
		droppedLinks: 0,
		resource: '{"attributes":{"service.name":"orders","host.cpus":"4"},"types":"ihost.cpus\\n"}',
		scope: '{"name":"axum","version":"0.8"}',
		...over,
	};
}

const spanOf = (over: Partial<SpanRow>) => jaegerTrace(TRACE, [row(over)]).spans[0];

describe("Jaeger's JSON", () => {
	test('of a plain span, field by field', () => {
		expect(JaegerTrace.parse(jaegerTrace(TRACE, [row()]))).toEqual({
			traceID: TRACE,
			spans: [
				{
					traceID: TRACE,
					spanID: '00000000000000aa',
					flags: 1,
					operationName: 'POST /orders',
					references: [],
					startTime: 1_700_000_000_123_456,
					duration: 2_500,
					tags: [
						{ key: 'otel.scope.name', type: 'string', value: 'axum' },
						{ key: 'otel.scope.version', type: 'string', value: '0.8' },
						{ key: 'span.kind', type: 'string', value: 'server' },
					],
					logs: [],
					processID: 'p1',
					warnings: null,
				},
			],
			processes: { p1: { serviceName: 'orders', tags: [{ key: 'host.cpus', type: 'int64', value: 4 }] } },
			warnings: null,
		});
	});

	test('spans of one resource share a process, others get their own', () => {
		const trace = jaegerTrace(TRACE, [row(), row({ resource: '', service: '' }), row()]);
		expect(trace.spans.map((span) => span.processID)).toEqual(['p1', 'p2', 'p1']);
		expect(trace.processes.p2).toEqual({ serviceName: 'OTLPResourceNoServiceName', tags: [] });
	});

	test('types survive: integers past 2^53 and doubles that are no numbers as text', () => {
		const attributes = {
			s: 'text',
			i: '42',
			big: '9007199254740993',
			d: '0.5',
			nan: 'NaN',
			b: 'true',
			x: 'AAE=',
			a: '{"values":[{"intValue":"1"},{"stringValue":"x"}]}',
			m: '{"values":[{"key":"k","value":{"boolValue":true}}]}',
			n: '',
		};
		const tags = spanOf({ scope: '', kind: 0, attributes, attributeTypes: 'ii\nibig\ndd\ndnan\nbb\nxx\naa\nmm\nnn\n' })?.tags;
		expect(tags).toEqual([
			{ key: 's', type: 'string', value: 'text' },
			{ key: 'i', type: 'int64', value: 42 },
			{ key: 'big', type: 'int64', value: '9007199254740993' },
			{ key: 'd', type: 'float64', value: 0.5 },
			{ key: 'nan', type: 'float64', value: 'NaN' },
			{ key: 'b', type: 'bool', value: true },
			{ key: 'x', type: 'binary', value: 'AAE=' },
			{ key: 'a', type: 'string', value: '[1,"x"]' },
			{ key: 'm', type: 'string', value: '{"k":true}' },
			{ key: 'n', type: 'string', value: '' },
		]);
	});

	test('an error is a status code, a flag and a description', () => {
		const tags = spanOf({ scope: '', kind: 0, statusCode: 2, statusMessage: 'no stock', traceState: 'a=b' })?.tags;
		expect(tags).toEqual([
			{ key: 'otel.status_code', type: 'string', value: 'ERROR' },
			{ key: 'error', type: 'bool', value: true },
			{ key: 'otel.status_description', type: 'string', value: 'no stock' },
			{ key: 'w3c.tracestate', type: 'string', value: 'a=b' },
		]);
	});

	test('the parent comes first as CHILD_OF, links follow as FOLLOWS_FROM, and a link to the parent only changes its type', () => {
		const other = 'f'.repeat(32);
		expect(
			spanOf({ parentSpanId: '00000000000000bb', linkTraceIds: [other], linkSpanIds: ['00000000000000cc'], linkAttributes: [{}] })
				?.references,
		).toEqual([
			{ refType: 'CHILD_OF', traceID: TRACE, spanID: '00000000000000bb' },
			{ refType: 'FOLLOWS_FROM', traceID: other, spanID: '00000000000000cc' },
		]);
		expect(
			spanOf({ parentSpanId: '00000000000000bb', linkTraceIds: [TRACE], linkSpanIds: ['00000000000000bb'], linkAttributes: [{}] })
				?.references,
		).toEqual([{ refType: 'FOLLOWS_FROM', traceID: TRACE, spanID: '00000000000000bb' }]);
	});

	test('events become logs with their name in the field event, unless they have such an attribute', () => {
		const events = {
			eventTimes: ['1700000000000001999', '1700000000000002999'],
			eventNames: ['retry', 'lost'],
			eventAttributes: [{ n: '2' }, { event: 'mine' }],
			eventAttributeTypes: ['in\n', ''],
		};
		expect(spanOf(events)?.logs).toEqual([
			{
				timestamp: 1_700_000_000_000_001,
				fields: [
					{ key: 'event', type: 'string', value: 'retry' },
					{ key: 'n', type: 'int64', value: 2 },
				],
			},
			{ timestamp: 1_700_000_000_000_002, fields: [{ key: 'event', type: 'string', value: 'mine' }] },
		]);
	});

	test('a trace id of 64 bits is written with 16 digits', () => {
		const short = `${'0'.repeat(16)}00000000000000ff`;
		expect(jaegerTrace(short, [row({ traceId: short })])).toMatchObject({
			traceID: '00000000000000ff',
			spans: [{ traceID: '00000000000000ff' }],
		});
	});
});
