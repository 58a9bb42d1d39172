/**
 * OTLP requests of every shape, for fast-check: plain objects as protobufjs takes them (lowerCamelCase, ids and bytes as `Uint8Array`,
 * 64-bit integers as decimal strings).
 */

import fc from 'fast-check';
import type { Signal } from '../../src/model/schema.ts';

type Request = Record<string, unknown>;

/** The seed of this run, printed so that a failure can be run again: `FC_SEED=… vitest run …`. */
export function runSeed(): number {
	const seed = Number(process.env['FC_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
	console.log(`FC_SEED=${seed}`);
	return seed;
}

const text = fc.oneof(
	{ weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
	{ weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
	{ weight: 1, arbitrary: fc.string({ minLength: 90, maxLength: 300 }) },
	{
		weight: 1,
		arbitrary: fc.constantFrom('', '\0', '\n', '"\\/', '\u2028', 'ÿ', '\u{10ffff}', 'x'.repeat(127), 'é'.repeat(64), 'y'.repeat(16_384)),
	},
);
const key = fc.oneof(
	fc.constantFrom('service.name', 'http.route', 'k', '__proto__', 'constructor', '1', '', 'with\nnewline', 'with\\backslash', 'ключ'),
	fc.string({ maxLength: 6 }),
);
const uint64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n)).map(String);
const int64 = fc
	.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.integer().map(BigInt), fc.constantFrom(0n, 9n, -1n, -(2n ** 63n), 2n ** 63n - 1n))
	.map(String);
const uint32 = fc.oneof(fc.constant(0), fc.constantFrom(1, 2 ** 31, 2 ** 32 - 1), fc.nat(1000));
const double = fc.oneof(
	fc.double(),
	fc.constantFrom(
		0,
		-0,
		Number.NaN,
		Number.POSITIVE_INFINITY,
		Number.NEGATIVE_INFINITY,
		0.1,
		637.704,
		-1.5,
		12.05,
		1e21,
		5e-324,
		1e-7,
		123456.789,
	),
	fc.integer().map((n) => n / 1000),
);
const bytes = fc.uint8Array({ maxLength: 9 });

function id(length: number): fc.Arbitrary<Uint8Array> {
	return fc.uint8Array({ minLength: length, maxLength: length }).filter((id) => id.some((byte) => byte !== 0));
}

function idOrNone(length: number): fc.Arbitrary<Uint8Array> {
	return fc.oneof(id(length), fc.constant(new Uint8Array(0)));
}

const anyValue = fc.letrec<{ value: Request; keyValue: Request }>((tie) => ({
	value: fc.oneof(
		{ maxDepth: 3, withCrossShrink: true },
		text.map((stringValue) => ({ stringValue })),
		int64.map((intValue) => ({ intValue })),
		double.map((doubleValue) => ({ doubleValue })),
		fc.boolean().map((boolValue) => ({ boolValue })),
		bytes.map((bytesValue) => ({ bytesValue })),
		fc.constant({}),
		fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
		fc.array(tie('keyValue'), { maxLength: 3 }).map((values) => ({ kvlistValue: { values } })),
	),
	keyValue: fc.record({ key, value: tie('value') }),
})).value;

const attributes = fc.array(fc.record({ key, value: anyValue }), { maxLength: 6 });

/** Any subset of the fields: a field left out is one at its default. */
function some(fields: Record<string, fc.Arbitrary<unknown>>, required: Record<string, fc.Arbitrary<unknown>> = {}): fc.Arbitrary<Request> {
	return fc.record({ ...fields, ...required }, { requiredKeys: Object.keys(required) });
}

const resource = some({
	attributes,
	droppedAttributesCount: uint32,
	entityRefs: fc.array(
		some({ schemaUrl: text, type: text, idKeys: fc.array(text, { maxLength: 2 }), descriptionKeys: fc.array(text, { maxLength: 2 }) }),
		{
			maxLength: 2,
		},
	),
});
const scope = some({ name: text, version: text, attributes, droppedAttributesCount: uint32 });

function envelope(names: { resources: string; scopes: string; records: string }, record: fc.Arbitrary<Request>): fc.Arbitrary<Request> {
	const scopes = some({ scope, schemaUrl: text, [names.records]: fc.array(record, { maxLength: 3 }) });
	const resources = some({ resource, schemaUrl: text, [names.scopes]: fc.array(scopes, { maxLength: 2 }) });
	return fc.record({ [names.resources]: fc.array(resources, { maxLength: 2 }) }) as fc.Arbitrary<Request>;
}

const event = some({ timeUnixNano: uint64, name: text, attributes, droppedAttributesCount: uint32 });
const link = some({
	traceId: idOrNone(16),
	spanId: idOrNone(8),
	traceState: text,
	attributes,
	droppedAttributesCount: uint32,
	flags: uint32,
});
const span = some(
	{
		traceState: text,
		parentSpanId: idOrNone(8),
		name: text,
		kind: fc.nat(5),
		startTimeUnixNano: uint64,
		endTimeUnixNano: uint64,
		attributes,
		droppedAttributesCount: uint32,
		events: fc.array(event, { maxLength: 3 }),
		droppedEventsCount: uint32,
		links: fc.array(link, { maxLength: 3 }),
		droppedLinksCount: uint32,
		status: some({ message: text, code: fc.nat(2) }),
		flags: uint32,
	},
	{ traceId: id(16), spanId: id(8) },
);

const logRecord = some({
	timeUnixNano: uint64,
	observedTimeUnixNano: uint64,
	severityNumber: fc.nat(24),
	severityText: text,
	body: anyValue,
	attributes,
	droppedAttributesCount: uint32,
	flags: uint32,
	traceId: idOrNone(16),
	spanId: idOrNone(8),
	eventName: text,
});

const number = fc.oneof(
	double.map((asDouble) => ({ asDouble })),
	int64.map((asInt) => ({ asInt })),
	fc.constant({}),
);

function withNumber(rest: fc.Arbitrary<Request>): fc.Arbitrary<Request> {
	return fc.tuple(rest, number).map(([fields, value]) => ({ ...fields, ...value }));
}

const exemplars = fc.array(
	withNumber(some({ filteredAttributes: attributes, timeUnixNano: uint64, spanId: idOrNone(8), traceId: idOrNone(16) })),
	{ maxLength: 2 },
);
const pointFields = { attributes, startTimeUnixNano: uint64, timeUnixNano: uint64, flags: uint32 };
const counts = fc.array(uint64, { maxLength: 4 });
const doubles = fc.array(double, { maxLength: 4 });
const int32 = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)));
const buckets = some({ offset: int32, bucketCounts: counts });
const optionals = { sum: double, min: double, max: double };

const numberPoint = withNumber(some({ ...pointFields, exemplars }));
const histogramPoint = some({ ...pointFields, ...optionals, count: uint64, bucketCounts: counts, explicitBounds: doubles, exemplars });
const exponentialPoint = some({
	...pointFields,
	...optionals,
	count: uint64,
	scale: int32,
	zeroCount: uint64,
	zeroThreshold: double,
	positive: buckets,
	negative: buckets,
	exemplars,
});
const summaryPoint = some({
	...pointFields,
	count: uint64,
	sum: double,
	quantileValues: fc.array(some({ quantile: double, value: double }), { maxLength: 3 }),
});

function points(point: fc.Arbitrary<Request>, fields: Record<string, fc.Arbitrary<unknown>> = {}): fc.Arbitrary<Request> {
	return some(fields, { dataPoints: fc.array(point, { minLength: 1, maxLength: 3 }) });
}

const aggregationTemporality = fc.nat(2);
const metricData = fc.oneof(
	points(numberPoint).map((gauge) => ({ gauge })),
	points(numberPoint, { aggregationTemporality, isMonotonic: fc.boolean() }).map((sum) => ({ sum })),
	points(histogramPoint, { aggregationTemporality }).map((histogram) => ({ histogram })),
	points(exponentialPoint, { aggregationTemporality }).map((exponentialHistogram) => ({ exponentialHistogram })),
	points(summaryPoint).map((summary) => ({ summary })),
);
const metric = fc
	.tuple(some({ name: text, description: text, unit: text, metadata: attributes }), metricData)
	.map(([fields, data]) => ({ ...fields, ...data }));

export const REQUESTS: Readonly<Record<Signal, fc.Arbitrary<Request>>> = {
	traces: envelope({ resources: 'resourceSpans', scopes: 'scopeSpans', records: 'spans' }, span),
	logs: envelope({ resources: 'resourceLogs', scopes: 'scopeLogs', records: 'logRecords' }, logRecord),
	metrics: envelope({ resources: 'resourceMetrics', scopes: 'scopeMetrics', records: 'metrics' }, metric),
};
