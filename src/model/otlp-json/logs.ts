/** Log rows as an `ExportLogsServiceRequest` in OTLP JSON. */

import type { TypeLetter } from '../attribute-text.ts';
import { anyValue, attributeFields, envelopes, type JsonObject, present, unsigned } from './envelope.ts';
import type { LogRow } from './rows.ts';

export function logsToOtlpJson(rows: readonly LogRow[]): JsonObject {
	return { resourceLogs: envelopes(rows, { scopes: 'scopeLogs', records: 'logRecords' }, (logs) => logs.map(logRecord)) };
}

function logRecord(row: LogRow): JsonObject {
	return {
		...present({
			timeUnixNano: unsigned(row.timeNs),
			observedTimeUnixNano: unsigned(row.observedTimeNs),
			severityNumber: row.severityNumber,
			severityText: row.severityText,
			body: body(row),
		}),
		...attributeFields(row.attributes, row.attributeTypes, row.droppedAttributes),
		...present({ flags: row.flags, traceId: row.traceId, spanId: row.spanId, eventName: row.eventName }),
	};
}

function body(row: LogRow): JsonObject | undefined {
	if (row.bodyType === '') return undefined;
	return anyValue(row.body, row.bodyType === 's' ? undefined : (row.bodyType as TypeLetter));
}
