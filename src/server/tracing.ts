/**
 * The platform's own spans: one for each API request and one for each query it asks of the engine, sent through the front door
 * (OTLP/HTTP on localhost) like anybody's. Ingest itself is measured, not traced: a span about a span would never end.
 */

import { context, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { FastifyInstance } from 'fastify';
import type { QueryEngine } from '../api/engine.ts';
import { Failure } from '../base/errors.ts';

export interface Tracing {
	readonly tracer: Tracer;
	/** Sends what is left, bounded by the exporter's time-out. */
	stop(): Promise<void>;
}

export function startTracing(options: { otlpHttpUrl: string; version: string; instanceId: string }): Tracing {
	const exporter = new OTLPTraceExporter({ url: `${options.otlpHttpUrl}/v1/traces`, timeoutMillis: 2000 });
	const provider = new NodeTracerProvider({
		resource: resourceFromAttributes({
			'service.name': 'throughline',
			'service.version': options.version,
			'service.instance.id': options.instanceId,
			'process.pid': process.pid,
			'telemetry.sdk.language': 'nodejs',
			'telemetry.sdk.name': 'opentelemetry',
		}),
		spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 1000, exportTimeoutMillis: 2000 })],
	});
	provider.register();
	return { tracer: provider.getTracer('throughline', options.version), stop: () => provider.shutdown() };
}

/** A SERVER span for each request to a route below `/api`. */
export function traceRequests(app: Pick<FastifyInstance, 'addHook'>, tracer: Tracer): void {
	const spans = new WeakMap<object, Span>();
	app.addHook('onRequest', (request, _reply, done) => {
		const route = request.routeOptions.url;
		if (route === undefined || !route.startsWith('/api/')) return done();
		const span = tracer.startSpan(`${request.method} ${route}`, {
			kind: SpanKind.SERVER,
			attributes: {
				'http.request.method': request.method,
				'http.route': route,
				'url.path': request.url.split('?', 1)[0] ?? '',
				'url.scheme': 'http',
			},
		});
		spans.set(request, span);
		context.with(trace.setSpan(context.active(), span), done);
	});
	app.addHook('onResponse', (request, reply, done) => {
		const span = spans.get(request);
		span?.setAttribute('http.response.status_code', reply.statusCode);
		if (reply.statusCode >= 500) span?.setAttribute('error.type', String(reply.statusCode)).setStatus({ code: SpanStatusCode.ERROR });
		span?.end();
		done();
	});
}

/** The engine, with a CLIENT span around each query. */
export function traceQueries(engine: QueryEngine, tracer: Tracer): QueryEngine {
	return {
		query(sql, params, options) {
			const attributes = { 'db.system.name': 'clickhouse', 'db.operation.name': 'SELECT', 'db.query.text': sql };
			return tracer.startActiveSpan('SELECT', { kind: SpanKind.CLIENT, attributes }, async (span) => {
				try {
					const result = await engine.query<never>(sql, params, options);
					span.setAttribute('db.response.returned_rows', result.rows.length);
					return result;
				} catch (error) {
					span.setAttribute('error.type', error instanceof Failure ? error.code : 'internal').setStatus({ code: SpanStatusCode.ERROR });
					throw error;
				} finally {
					span.end();
				}
			});
		},
	};
}
