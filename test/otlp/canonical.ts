/**
 * One form for requests that mean the same, to compare what went in with what came out: each record beside its resource and scope,
 * defaults left out, attributes sorted with the last of equal keys kept.
 */

import type { Signal } from '../../src/model/schema.ts';
import { REQUEST_TYPE } from './reference.ts';

type Json = { [key: string]: unknown };

/** OTLP JSON of protobuf bytes, by protobufjs. */
export function referenceJson(signal: Signal, body: Uint8Array): Json {
	const type = REQUEST_TYPE[signal];
	return withHexIds(type.toObject(type.decode(body), { longs: String, bytes: String, enums: Number, json: true })) as Json;
}

const IDS = new Set(['traceId', 'spanId', 'parentSpanId']);

function withHexIds(value: unknown, field = ''): unknown {
	if (Array.isArray(value)) return value.map((item) => withHexIds(item));
	if (typeof value === 'object' && value !== null)
		return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withHexIds(inner, name)]));
	if (IDS.has(field)) return Buffer.from(value as string, 'base64').toString('hex');
	return Object.is(value, -0) ? '-0' : value;
}

const NAMES = {
	traces: ['resourceSpans', 'scopeSpans', 'spans'],
	logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
	metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
} as const;

/** All records of a request as texts, sorted. */
export function canonicalRecords(signal: Signal, request: Json): string[] {
	const [resources, scopes, records] = NAMES[signal];
	const texts: string[] = [];
	for (const inResource of list(request[resources]))
		for (const inScope of list(inResource[scopes]))
			for (const record of list(inScope[records]))
				for (const single of signal === 'metrics' ? metricPoints(record) : [record]) {
					const outer = [inResource['resource'], inResource['schemaUrl'], inScope['scope'], inScope['schemaUrl']];
					texts.push(JSON.stringify([...outer.map((part) => canonical(part) ?? null), canonical(single) ?? null]));
				}
	return texts.sort();
}

/** A metric once for each of its points. */
function metricPoints(metric: Json): Json[] {
	const type = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'].find((name) => metric[name] !== undefined) as string;
	const { dataPoints, ...data } = metric[type] as Json;
	return list(dataPoints).map((point) => {
		if (type === 'summary' && point['sum'] === 0) delete point['sum'];
		return { ...metric, [type]: { ...data, type }, point };
	});
}

function list(value: unknown): Json[] {
	return (value ?? []) as Json[];
}

/** Fields that say something even at zero: members of a oneof, optional ones. */
const SAYS_ZERO = new Set(['stringValue', 'boolValue', 'intValue', 'doubleValue', 'bytesValue', 'asInt', 'asDouble', 'sum', 'min', 'max']);
const ATTRIBUTES = new Set(['attributes', 'filteredAttributes', 'metadata']);
/** Messages whose being there empty says something. */
const SAYS_EMPTY = new Set(['arrayValue', 'kvlistValue', 'value', 'body']);
const NUMERIC_TEXT = /UnixNano$|^count$|^zeroCount$/;

function canonical(value: unknown): unknown {
	if (Array.isArray(value)) return value.map((item) => canonical(item) ?? {});
	if (typeof value !== 'object' || value === null) return value;
	const kept: [string, unknown][] = [];
	for (const [name, inner] of Object.entries(value)) {
		const field = ATTRIBUTES.has(name) ? sortedAttributes(list(inner)) : canonical(inner);
		if (!isDefault(name, field)) kept.push([name, field ?? {}]);
	}
	if ('key' in value && !('value' in value)) kept.push(['value', {}]);
	return kept.length === 0 ? undefined : Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isDefault(name: string, value: unknown): boolean {
	if (value === undefined) return !SAYS_EMPTY.has(name);
	if (SAYS_ZERO.has(name)) return false;
	if (NUMERIC_TEXT.test(name)) return value === '0';
	return value === 0 || value === '' || value === false || (Array.isArray(value) && value.length === 0);
}

function sortedAttributes(attributes: readonly Json[]): unknown[] {
	const last = new Map(attributes.map((attribute) => [(attribute['key'] ?? '') as string, attribute['value']]));
	return Array.from(last, ([key, value]) => ({ key, value: canonical(value) ?? {} })).sort((a, b) => (a.key < b.key ? -1 : 1));
}
