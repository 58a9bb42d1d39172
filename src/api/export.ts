/** What came in, given back: everything of one signal in a range, as one OTLP JSON request a line. */

import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import {
	type JsonObject,
	type LogRow,
	logsToOtlpJson,
	type MetricPointRow,
	metricsToOtlpJson,
	type SpanRow,
	tracesToOtlpJson,
} from '../model/otlp-json.ts';
import type { Signal } from '../model/schema.ts';
import { type ExportQuestion, type ExportWindow, secondsPlan, windowPlan, windowsOf } from '../query/export.ts';
import { resolveRange } from '../query/time-range.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { ExportQuery, PATHS } from './contract.ts';
import type { Inquiry } from './engine.ts';
import { ERRORS } from './openapi.ts';

const Params = z.object({ signal: z.enum(['traces', 'logs', 'metrics']) });

export function registerExport(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.export,
		{
			schema: {
				summary: 'Everything of one signal, as OTLP JSON',
				description: 'One ExportTraceServiceRequest, ExportLogsServiceRequest or ExportMetricsServiceRequest a line, by time.',
				tags: ['export'],
				params: Params,
				querystring: ExportQuery.strict(),
				response: {
					200: { description: 'newline-delimited OTLP JSON', content: { 'application/x-ndjson': { schema: z.string() } } },
					...ERRORS,
				},
			},
		},
		async (request, reply) => {
			const { from, to, service } = request.query;
			const question = { signal: request.params.signal, service, range: resolveRange(from, to, context.clock.nowMs()) };
			const inquiry = context.ask(reply);
			// Asked before the answer begins, so that a failing engine is still answered with its status.
			const windows = windowsOf(await inquiry.rows(secondsPlan(question)));
			return (reply as unknown as FastifyReply)
				.type('application/x-ndjson; charset=utf-8')
				.send(Readable.from(lines(inquiry, question, windows)));
		},
	);
}

async function* lines(inquiry: Inquiry, question: ExportQuestion, windows: readonly ExportWindow[]): AsyncGenerator<string> {
	for (const window of windows) {
		inquiry.restart();
		yield `${JSON.stringify(await READERS[question.signal](inquiry, question, window))}\n`;
	}
}

type Reader = (inquiry: Inquiry, question: ExportQuestion, window: ExportWindow) => Promise<JsonObject>;

const READERS: Readonly<Record<Signal, Reader>> = {
	traces: async (inquiry, question, window) => tracesToOtlpJson(await inquiry.rows<SpanRow>(windowPlan(question, window))),
	logs: async (inquiry, question, window) => logsToOtlpJson(await inquiry.rows<LogRow>(windowPlan(question, window))),
	metrics: async (inquiry, question, window) => metricsToOtlpJson(await inquiry.rows<MetricPointRow>(windowPlan(question, window))),
};
