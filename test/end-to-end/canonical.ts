/**
 * One form for an OTLP request, whatever it travelled as, so that what was sent can be compared with what is read back: one entry
 * for each record with its resource and scope, defaults left out, ids in lower-case hex, 64-bit integers as text, attributes by key.
 */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = Readonly<Record<string, Json>>;

/** Fields whose presence means something even when they hold zero or nothing (oneof and optional fields). */
const PRESENCE = new Set([
	'stringValue',
	'boolValue',
	'intValue',
	'doubleValue',
	'bytesValue',
	'arrayValue',
	'kvlistValue',
	'asInt',
	'asDouble',
	'sum',
	'min',
	'max',
]);
const IDS = new Set(['traceId', 'spanId', 'parentSpanId']);
const INTEGERS = /UnixNano$|^(intValue|asInt|count|zeroCount|bucketCounts)$/;
const DOUBLES = new Set(['doubleValue', 'asDouble', 'sum', 'min', 'max', 'value', 'quantile', 'explicitBounds', 'zeroThreshold']);

const ENVELOPES = {
	resourceSpans: ['scopeSpans', 'spans'],
	resourceLogs: ['scopeLogs', 'logRecords'],
	resourceMetrics: ['scopeMetrics', 'metrics'],
} as const;

/** Every record of an OTLP JSON request (or a protobuf one as JSON), canonical, sorted as text. */
export function canonicalRecords(request: unknown): string[] {
	const records: string[] = [];
	for (const [envelope, [scopes, items]] of Object.entries(ENVELOPES))
		for (const resource of list(request as JsonObject, envelope))
			for (const scope of list(resource, scopes))
				for (const item of list(scope, items))
					for (const point of points(item)) {
						const about = {
							resource: canonical('resource', resource.resource ?? {}),
							resourceSchema: resource.schemaUrl || undefined,
							scope: canonical('scope', scope.scope ?? {}),
							scopeSchema: scope.schemaUrl || undefined,
							record: canonical('', point),
						};
						records.push(JSON.stringify(about));
					}
	return records.toSorted();
}

/** A metric is compared point by point: how points are grouped is the sender's business. */
function points(item: JsonObject): JsonObject[] {
	for (const kind of ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']) {
		const data = item[kind] as JsonObject | undefined;
		if (data === undefined) continue;
		return list(data, 'dataPoints').map((point) => ({ ...item, [kind]: { ...data, dataPoints: [point] } }));
	}
	return [item];
}

function list(value: JsonObject, key: string): JsonObject[] {
	return (value[key] ?? []) as unknown as JsonObject[];
}

function canonical(key: string, value: Json): Json | undefined {
	if (value === null) return undefined;
	if (Array.isArray(value)) return canonicalList(key, value);
	if (typeof value === 'object') return canonicalObject(key, value as JsonObject);
	if (IDS.has(key)) return String(value).toLowerCase();
	if (INTEGERS.test(key)) return BigInt(value as string | number).toString();
	if (DOUBLES.has(key)) return Object.is(Number(value), -0) ? '-0' : String(Number(value));
	return value;
}

function canonicalList(key: string, value: readonly Json[]): Json {
	const items = value.map((item) => canonical(key, item) ?? null);
	// Of attributes with the same key the last one counts, and their order means nothing.
	if (key !== 'attributes' && key !== 'filteredAttributes') return items;
	const byKey = new Map(items.map((item) => [(item as JsonObject).key as string | undefined, item]));
	return [...byKey].toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)).map(([, item]) => item);
}

function canonicalObject(key: string, value: JsonObject): Json | undefined {
	const entries = Object.entries(value)
		.map(([name, child]) => [name, canonical(name, child)] as const)
		.filter(([name, child]) => child !== undefined && (PRESENCE.has(name) || !isDefault(child)))
		.toSorted(([a], [b]) => (a < b ? -1 : 1));
	if (entries.length === 0 && !PRESENCE.has(key) && key !== 'resource' && key !== 'scope' && key !== 'value') return {};
	return Object.fromEntries(entries) as Json;
}

function isDefault(value: Json | undefined): boolean {
	if (value === '' || value === 0 || value === '0' || value === false) return true;
	if (Array.isArray(value)) return value.length === 0;
	return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
