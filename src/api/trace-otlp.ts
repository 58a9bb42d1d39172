/** One trace as OTLP JSON, the form any OpenTelemetry receiver takes back, streamed page by page. */

import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { tracesToOtlpJson } from '../model/otlp-json.ts';
import type { SpanRow } from '../query/span-row.ts';
import { TRACE_SPANS_MAX } from '../query/trace.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { PATHS } from './contract.ts';
import type { Inquiry } from './engine.ts';
import { ERRORS } from './openapi.ts';
import { traceRows } from './trace-rows.ts';
import { requireTrace, TraceParams } from './traces.ts';

const TracesData = z
	.looseObject({ resourceSpans: z.array(z.looseObject({})) })
	.describe(
		'opentelemetry.proto.trace.v1.TracesData in OTLP JSON; spans past the first 100 000 are left out and counted in x-throughline-spans-left-out',
	);

export function registerTraceOtlp(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.traceOtlp,
		{
			schema: {
				summary: 'One trace as OTLP JSON, for download',
				tags: ['traces'],
				params: TraceParams,
				response: { 200: TracesData, ...ERRORS },
			},
		},
		async (request, reply) => {
			const inquiry = context.ask(reply);
			const summary = await requireTrace(inquiry, request.params.traceId);
			const pages = traceRows(inquiry, summary);
			// The first page is read before the answer begins, so that a failing engine is still answered with its status.
			const first = await pages.next();
			// The route's type is the document's; what is sent is its text as a stream.
			return (reply as unknown as FastifyReply)
				.type('application/json; charset=utf-8')
				.header('content-disposition', `attachment; filename="trace-${summary.traceId}.json"`)
				.header('x-throughline-spans-left-out', Math.max(0, summary.spanCount - TRACE_SPANS_MAX))
				.send(Readable.from(document(inquiry, first.done === true ? [] : first.value, pages)));
		},
	);
}

async function* document(inquiry: Inquiry, first: readonly SpanRow[], rest: AsyncIterable<readonly SpanRow[]>): AsyncGenerator<string> {
	yield `{"resourceSpans":[${texts(first)}`;
	inquiry.restart();
	for await (const rows of rest) {
		yield `,${texts(rows)}`;
		inquiry.restart();
	}
	yield ']}';
}

/** The members of `resourceSpans` for one page, as text without the brackets around them. */
function texts(rows: readonly SpanRow[]): string {
	return JSON.stringify(tracesToOtlpJson(rows).resourceSpans ?? []).slice(1, -1);
}
