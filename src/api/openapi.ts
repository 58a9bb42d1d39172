/** The OpenAPI 3.1 document at `/api/openapi.json`, made from the same schemas the routes validate with. */

import fastifySwagger from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ApiApp } from './context.ts';
import {
	Attribute,
	ErrorBody,
	KitsResponse,
	LogRecord,
	LogsResponse,
	OperationSummary,
	OperationsResponse,
	QueryMeta,
	ServiceSummary,
	ServicesResponse,
	SpanDetail,
	StatusResponse,
	TraceResponse,
	TraceSearchResponse,
	TraceSummary,
} from './contract.ts';

/** Schemas the document names; what stands nowhere here is written out where it is used. */
const NAMED = {
	Attribute,
	ErrorBody,
	KitsResponse,
	LogRecord,
	LogsResponse,
	OperationSummary,
	OperationsResponse,
	QueryMeta,
	ServiceSummary,
	ServicesResponse,
	SpanDetail,
	StatusResponse,
	TraceResponse,
	TraceSearchResponse,
	TraceSummary,
};
// The library reads names where zod keeps descriptions: in its global registry.
for (const [id, schema] of Object.entries(NAMED)) z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id });

/** What every route of ours may answer beside its success. */
export const ERRORS = {
	400: failure('the request is wrong; message and hint say how to write it right'),
	404: failure('not stored'),
	422: failure('answering would take more memory than a query may use; narrow the range'),
	429: failure('too much for now; ask again after Retry-After seconds'),
	503: failure('the engine is restarting; ask again after Retry-After seconds'),
	504: failure('the query took too long'),
} as const;

function failure(description: string) {
	return { description, content: { 'application/json': { schema: ErrorBody } } };
}

export async function registerOpenApi(app: ApiApp, version: string): Promise<void> {
	await app.register(fastifySwagger, {
		openapi: {
			openapi: '3.1.0',
			info: {
				title: 'Throughline',
				version,
				description:
					'Reads traces, their spans and logs. Times are ISO 8601 or milliseconds since the epoch where asked for, and carry their unit in their name where answered; nanosecond times are decimal text.',
				license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
			},
			tags: [
				{ name: 'platform', description: 'the platform itself' },
				{ name: 'services', description: 'rate, errors and latency' },
				{ name: 'traces', description: 'traces, spans and their logs' },
				{ name: 'export', description: 'everything that came in, given back' },
				{ name: 'control', description: 'what kits are told while their services run' },
				{ name: 'jaeger', description: "Jaeger's query API in Jaeger's own JSON, for its UI and Grafana" },
			],
		},
		transform: jsonSchemaTransform,
		transformObject,
	});
	app.get('/api/openapi.json', { schema: { hide: true } }, async (_request, reply) => reply.send(app.swagger()));
}

/** The library writes every named schema twice, as read and as written; routes only answer with them, so the first goes. */
const transformObject: typeof jsonSchemaTransformObject = (input) => {
	const document = jsonSchemaTransformObject(input);
	const schemas = 'components' in document ? document.components?.schemas : undefined;
	for (const name of Object.keys(schemas ?? {})) if (name.endsWith('Input')) delete schemas?.[name];
	return document;
};
