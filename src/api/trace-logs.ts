/** Log records of one trace. */

import { Failure } from '../base/errors.ts';
import { type LogRow, TRACE_LOGS_MAX, traceLogsPlan } from '../query/logs.ts';
import { traceSummaryPlan } from '../query/trace-search.ts';
import { typedAttributes } from './attributes.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { type LogRecord, LogsResponse, PATHS } from './contract.ts';
import { ERRORS } from './openapi.ts';
import { rangeOf, requireTraceId, TraceParams } from './traces.ts';

export function registerTraceLogs(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.traceLogs,
		{
			schema: {
				summary: 'Log records of one trace, oldest first',
				description: 'Also answers for a trace none of whose spans is stored.',
				tags: ['traces'],
				params: TraceParams,
				response: { 200: LogsResponse, ...ERRORS },
			},
		},
		async (request, reply): Promise<LogsResponse> => {
			const traceId = requireTraceId(request.params.traceId);
			const inquiry = context.ask(reply);
			const [summary] = await inquiry.rows(traceSummaryPlan(traceId));
			const rows = await inquiry.rows(traceLogsPlan(traceId, summary));
			const first = rows[0];
			const last = rows.at(-1);
			if (summary === undefined && first === undefined) throw new Failure('not_found', `trace ${traceId} is not stored`);
			const bounds = summary ?? { traceId, startNs: first?.timeNs ?? '0', endNs: last?.timeNs ?? '0' };
			return { logs: rows.slice(0, TRACE_LOGS_MAX).map(logRecord), meta: inquiry.meta(rangeOf(bounds), rows.length > TRACE_LOGS_MAX) };
		},
	);
}

function logRecord(row: LogRow): LogRecord {
	const { timeNs, service, severityNumber, severityText, eventName, body, traceId, spanId } = row;
	const attributes = typedAttributes(row.attributes, row.attributeTypes);
	return { timeNs, service, severityNumber, severityText, eventName, body, traceId, spanId, attributes };
}
