/**
 * Spans as the JSON of Jaeger's query API, translated the way Jaeger itself translates OTLP, so that its UI and Grafana's Jaeger data
 * source read it unchanged. Field names: jaegertracing/jaeger internal/uimodel/model.go. Rules: opentelemetry-collector-contrib
 * pkg/translator/jaeger/traces_to_jaegerproto.go. Times and durations are microseconds; one resource is one process (`p1`, `p2`, …).
 */

import { z } from 'zod';
import { parseTypes, type ResourceText, type ScopeText, type TypeLetter } from '../model/attribute-text.ts';
import type { SpanRow } from '../query/span-row.ts';
import { plainJson } from './plain-json.ts';

export const JaegerTag = z.object({
	key: z.string(),
	type: z.enum(['string', 'bool', 'int64', 'float64', 'binary']),
	value: z.union([z.string(), z.boolean(), z.number()]).describe('integers past 2^53 as text; binary as base64'),
});
export type JaegerTag = z.infer<typeof JaegerTag>;

export const JaegerSpan = z.object({
	traceID: z.string(),
	spanID: z.string(),
	flags: z.number().optional(),
	operationName: z.string(),
	references: z.array(z.object({ refType: z.enum(['CHILD_OF', 'FOLLOWS_FROM']), traceID: z.string(), spanID: z.string() })),
	startTime: z.number().describe('microseconds since the epoch'),
	duration: z.number().describe('microseconds'),
	tags: z.array(JaegerTag),
	logs: z.array(z.object({ timestamp: z.number(), fields: z.array(JaegerTag) })),
	processID: z.string(),
	warnings: z.array(z.string()).nullable(),
});
export type JaegerSpan = z.infer<typeof JaegerSpan>;

export const JaegerTrace = z.object({
	traceID: z.string(),
	spans: z.array(JaegerSpan),
	processes: z.record(z.string(), z.object({ serviceName: z.string(), tags: z.array(JaegerTag) })),
	warnings: z.array(z.string()).nullable(),
});
export type JaegerTrace = z.infer<typeof JaegerTrace>;

const KIND_TAGS: readonly (string | undefined)[] = [undefined, 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_ERROR = 2;
const STATUS_TAGS: readonly (string | undefined)[] = [undefined, 'OK', 'ERROR'];
/** Jaeger's name for a resource without attributes. */
const NO_SERVICE = 'OTLPResourceNoServiceName';

type Attributes = Readonly<Record<string, string>>;

/** One Jaeger trace of the spans of one trace id. */
export function jaegerTrace(traceId: string, rows: readonly SpanRow[], warnings: readonly string[] = []): JaegerTrace {
	const processIds = new Map<string, string>();
	const processes: JaegerTrace['processes'] = {};
	const spans = rows.map((row) => {
		const key = `${row.service}\n${row.resource}`;
		let id = processIds.get(key);
		if (id === undefined) {
			id = `p${processIds.size + 1}`;
			processIds.set(key, id);
			processes[id] = jaegerProcess(row);
		}
		return jaegerSpan(row, id);
	});
	return { traceID: jaegerTraceId(traceId), spans, processes, warnings: warnings.length === 0 ? null : [...warnings] };
}

/** Jaeger writes a trace id whose upper half is zero as 64 bits. */
export function jaegerTraceId(traceId: string): string {
	return traceId.startsWith('0000000000000000') ? traceId.slice(16) : traceId;
}

function jaegerProcess(row: SpanRow): JaegerTrace['processes'][string] {
	const resource = parseText<ResourceText>(row.resource);
	const { 'service.name': _, ...attributes } = resource.attributes ?? {};
	return { serviceName: row.service === '' ? NO_SERVICE : row.service, tags: attributeTags(attributes, resource.types ?? '') };
}

function jaegerSpan(row: SpanRow, processID: string): JaegerSpan {
	const traceFlags = row.flags & 0xff;
	return {
		traceID: jaegerTraceId(row.traceId),
		spanID: row.spanId,
		...(traceFlags === 0 ? {} : { flags: traceFlags }),
		operationName: row.name,
		references: references(row),
		startTime: micros(row.startNs),
		duration: Math.max(0, micros(row.durationNs)),
		tags: spanTags(row),
		logs: row.eventTimes.map((time, index) => ({ timestamp: micros(time), fields: eventFields(row, index) })),
		processID,
		warnings: null,
	};
}

/** The parent comes first, because readers take the first CHILD_OF; a link to the parent only overrides its type. */
function references(row: SpanRow): JaegerSpan['references'] {
	const refs: JaegerSpan['references'] = [];
	if (row.parentSpanId !== '') refs.push({ refType: 'CHILD_OF', traceID: jaegerTraceId(row.traceId), spanID: row.parentSpanId });
	for (const [index, linkTraceId] of row.linkTraceIds.entries()) {
		const spanID = row.linkSpanIds[index] ?? '';
		const refType = row.linkAttributes[index]?.['opentracing.ref_type'] === 'child_of' ? 'CHILD_OF' : 'FOLLOWS_FROM';
		const parent = refs[0];
		if (parent !== undefined && row.parentSpanId === spanID && linkTraceId === row.traceId) parent.refType = refType;
		else refs.push({ refType, traceID: jaegerTraceId(linkTraceId), spanID });
	}
	return refs;
}

function spanTags(row: SpanRow): JaegerTag[] {
	const scope = parseText<ScopeText>(row.scope);
	return [
		...textTag('otel.scope.name', scope.name),
		...textTag('otel.scope.version', scope.version),
		...attributeTags(row.attributes, row.attributeTypes),
		...textTag('span.kind', KIND_TAGS[row.kind]),
		...textTag('otel.status_code', STATUS_TAGS[row.statusCode]),
		...(row.statusCode === STATUS_ERROR ? [{ key: 'error', type: 'bool' as const, value: true }] : []),
		...textTag('otel.status_description', row.statusMessage),
		...textTag('w3c.tracestate', row.traceState),
	];
}

function eventFields(row: SpanRow, index: number): JaegerTag[] {
	const attributes = row.eventAttributes[index] ?? {};
	const name = row.eventNames[index];
	return [
		...(Object.hasOwn(attributes, 'event') ? [] : textTag('event', name)),
		...attributeTags(attributes, row.eventAttributeTypes[index] ?? ''),
	];
}

function textTag(key: string, value: string | undefined): JaegerTag[] {
	return value === undefined || value === '' ? [] : [{ key, type: 'string', value }];
}

function attributeTags(attributes: Attributes, typesText: string): JaegerTag[] {
	const types = parseTypes(typesText);
	return Object.entries(attributes).map(([key, text]) => ({ key, ...typedValue(text, types.get(key)) }));
}

function typedValue(text: string, letter: TypeLetter | undefined): Omit<JaegerTag, 'key'> {
	switch (letter) {
		case 'i': {
			const value = Number(text);
			return { type: 'int64', value: Number.isSafeInteger(value) ? value : text };
		}
		case 'd': {
			const value = Number(text);
			return { type: 'float64', value: Number.isFinite(value) ? value : text };
		}
		case 'b':
			return { type: 'bool', value: text === 'true' };
		case 'x':
			return { type: 'binary', value: text };
		case 'a':
		case 'm':
			return { type: 'string', value: plainJson(letter, text) };
		case 'n':
		case undefined:
			return { type: 'string', value: text };
	}
}

/** Whole microseconds of a nanosecond text; 2^53 µs is the year 2255. */
function micros(nanos: string): number {
	return Number(BigInt(nanos) / 1_000n);
}

function parseText<T extends object>(text: string): Partial<T> {
	return text === '' ? {} : (JSON.parse(text) as T);
}
