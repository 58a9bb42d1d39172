/**
 * Stored spans as OTLP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids as hex, 64-bit integers and
 * doubles that are no JSON numbers as text, enums as numbers, fields at their default left out. What was received is given back, up
 * to the order of attributes.
 */

import { parseTypes, type ResourceText, type ScopeText, type TypeLetter } from '../model/attribute-text.ts';
import type { SpanRow } from '../query/span-row.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };
type Attributes = Readonly<Record<string, string>>;

/** Spans grouped by resource and scope, each group in the order of its first span. */
export function resourceSpans(rows: readonly SpanRow[]): JsonObject[] {
	return [...Map.groupBy(rows, (row) => row.resource)].map(([resourceText, inResource]) => {
		const { schemaUrl = '', ...resource } = parseText<ResourceText>(resourceText);
		return present({
			resource: resourceText === '' ? null : present({ ...attributesJson(resource), entityRefs: (resource.entityRefs ?? []) as Json[] }),
			scopeSpans: [...Map.groupBy(inResource, (row) => row.scope)].map(([scopeText, inScope]) => scopeSpans(scopeText, inScope)),
			schemaUrl,
		});
	});
}

function scopeSpans(text: string, rows: readonly SpanRow[]): JsonObject {
	const { schemaUrl = '', name = '', version = '', ...scope } = parseText<ScopeText>(text);
	return present({ scope: text === '' ? null : present({ name, version, ...attributesJson(scope) }), spans: rows.map(span), schemaUrl });
}

function span(row: SpanRow): JsonObject {
	const startNs = BigInt(row.startNs);
	const status = present({ message: row.statusMessage, code: row.statusCode });
	return present({
		traceId: row.traceId,
		spanId: row.spanId,
		traceState: row.traceState,
		parentSpanId: row.parentSpanId,
		flags: row.flags,
		name: row.name,
		kind: row.kind,
		startTimeUnixNano: unsigned(startNs),
		endTimeUnixNano: unsigned(startNs + BigInt(row.durationNs)),
		...attributesJson({ attributes: row.attributes, types: row.attributeTypes, dropped: row.droppedAttributes }),
		events: row.eventTimes.map((time, index) =>
			present({
				timeUnixNano: unsigned(BigInt(time)),
				name: row.eventNames[index] ?? '',
				...attributesJson({
					attributes: row.eventAttributes[index],
					types: row.eventAttributeTypes[index],
					dropped: row.eventDroppedAttributes[index],
				}),
			}),
		),
		droppedEventsCount: row.droppedEvents,
		links: row.linkTraceIds.map((traceId, index) =>
			present({
				traceId,
				spanId: row.linkSpanIds[index] ?? '',
				traceState: row.linkTraceStates[index] ?? '',
				...attributesJson({
					attributes: row.linkAttributes[index],
					types: row.linkAttributeTypes[index],
					dropped: row.linkDroppedAttributes[index],
				}),
				flags: row.linkFlags[index] ?? 0,
			}),
		),
		droppedLinksCount: row.droppedLinks,
		status: Object.keys(status).length === 0 ? null : status,
	});
}

interface AttributesText {
	readonly attributes?: Attributes | undefined;
	readonly types?: string | undefined;
	readonly dropped?: number | undefined;
}

function attributesJson({ attributes = {}, types = '', dropped = 0 }: AttributesText): {
	attributes: Json[];
	droppedAttributesCount: number;
} {
	const letters = parseTypes(types);
	return {
		attributes: Object.entries(attributes).map(([key, text]) => ({ key, value: anyValue(text, letters.get(key)) })),
		droppedAttributesCount: dropped,
	};
}

function anyValue(text: string, letter: TypeLetter | undefined): JsonObject {
	switch (letter) {
		case 'i':
			return { intValue: text };
		case 'd':
			return { doubleValue: double(text) };
		case 'b':
			return { boolValue: text === 'true' };
		case 'x':
			return { bytesValue: text };
		case 'a':
			return { arrayValue: JSON.parse(text) as Json };
		case 'm':
			return { kvlistValue: JSON.parse(text) as Json };
		case 'n':
			return {};
		case undefined:
			return { stringValue: text };
	}
}

/** JSON has neither NaN nor the infinities, and JavaScript's writer loses the sign of zero; OTLP JSON takes all of them as text. */
function double(text: string): number | string {
	const value = Number(text);
	return Number.isFinite(value) && !Object.is(value, -0) ? value : text;
}

function unsigned(value: bigint): string {
	return BigInt.asUintN(64, value).toString();
}

/** Without fields at their default: null, '', 0 and []. */
function present(fields: JsonObject): JsonObject {
	return Object.fromEntries(
		Object.entries(fields).filter(
			([, value]) => value !== null && value !== '' && value !== 0 && !(Array.isArray(value) && value.length === 0),
		),
	);
}

function parseText<T extends object>(text: string): Partial<T> {
	return text === '' ? {} : (JSON.parse(text) as T);
}
