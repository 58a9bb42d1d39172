/** Span rows as an `ExportTraceServiceRequest` in OTLP JSON. */

import { attributeFields, envelopes, type JsonObject, present, unsigned } from './envelope.ts';
import type { SpanRow } from './rows.ts';

export function tracesToOtlpJson(rows: readonly SpanRow[]): JsonObject {
	return { resourceSpans: envelopes(rows, { scopes: 'scopeSpans', records: 'spans' }, (spans) => spans.map(span)) };
}

function span(row: SpanRow): JsonObject {
	const startNs = BigInt(row.startNs);
	const status = present({ message: row.statusMessage, code: row.statusCode });
	return {
		...present({
			traceId: row.traceId,
			spanId: row.spanId,
			traceState: row.traceState,
			parentSpanId: row.parentSpanId,
			flags: row.flags,
			name: row.name,
			kind: row.kind,
			startTimeUnixNano: unsigned(startNs),
			endTimeUnixNano: unsigned(startNs + BigInt(row.durationNs)),
		}),
		...attributeFields(row.attributes, row.attributeTypes, row.droppedAttributes),
		...present({
			events: row.eventNames.map((_, i) => event(row, i)),
			droppedEventsCount: row.droppedEvents,
			links: row.linkTraceIds.map((_, i) => link(row, i)),
			droppedLinksCount: row.droppedLinks,
			status: Object.keys(status).length === 0 ? undefined : status,
		}),
	};
}

function event(row: SpanRow, i: number): JsonObject {
	return {
		...present({ timeUnixNano: unsigned(row.eventTimes[i] ?? '0'), name: row.eventNames[i] }),
		...attributeFields(row.eventAttributes[i], row.eventAttributeTypes[i], row.eventDroppedAttributes[i]),
	};
}

function link(row: SpanRow, i: number): JsonObject {
	return {
		...present({
			traceId: row.linkTraceIds[i],
			spanId: row.linkSpanIds[i],
			traceState: row.linkTraceStates[i],
			flags: row.linkFlags[i],
		}),
		...attributeFields(row.linkAttributes[i], row.linkAttributeTypes[i], row.linkDroppedAttributes[i]),
	};
}
