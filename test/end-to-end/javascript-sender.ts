/** OpenTelemetry's own JavaScript SDK and exporters, sending one of everything. */

import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

export interface SenderOptions {
	readonly protocol: 'grpc' | 'http/protobuf' | 'http/json';
	readonly compression: 'none' | 'gzip';
	readonly endpoint: string;
}

const resource = resourceFromAttributes({ 'service.name': 'javascript', 'service.version': '1.0.0', 'list.of.ints': [1, 2, 3] });

/** Sends spans, and over http/protobuf logs and metrics too. Rejects when an exporter fails to flush. */
export async function sendFromJavaScript(options: SenderOptions): Promise<void> {
	await sendSpans(options);
	if (options.protocol !== 'http/protobuf') return;
	await sendLogs(options);
	await sendMetrics(options);
}

async function sendSpans({ protocol, compression, endpoint }: SenderOptions): Promise<void> {
	const common = { compression: compression as never };
	const exporter =
		protocol === 'grpc'
			? new GrpcTraceExporter({ ...common, url: endpoint })
			: new (protocol === 'http/json' ? JsonTraceExporter : ProtobufTraceExporter)({ ...common, url: `${endpoint}/v1/traces` });
	const provider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
	const tracer = provider.getTracer('sender', '2.0.0', { schemaUrl: 'https://opentelemetry.io/schemas/1.44.0' });
	for (let index = 0; index < 20; index++) {
		const span = tracer.startSpan(`operation ${index % 3}`, {
			kind: SpanKind.SERVER,
			root: true,
			attributes: {
				text: `Füße 🦀 ${index}`,
				int: index,
				big: Number.MAX_SAFE_INTEGER,
				double: 0.1 + index,
				bool: index % 2 === 0,
				list: ['a', 'b'],
				doubles: [1.5, 2.5],
				empty: '',
			},
			links: [
				{
					context: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED },
					attributes: { why: 'batch' },
				},
			],
		});
		span.addEvent('retry', { attempt: index });
		if (index % 5 === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: 'no luck' });
		span.end();
	}
	await provider.forceFlush();
	await provider.shutdown();
}

async function sendLogs({ compression, endpoint }: SenderOptions): Promise<void> {
	const exporter = new OTLPLogExporter({ compression: compression as never, url: `${endpoint}/v1/logs` });
	const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter })] });
	const logger = provider.getLogger('sender');
	logger.emit({ body: 'plain text', severityNumber: 9, severityText: 'INFO', attributes: { int: 1 } });
	logger.emit({ body: { nested: { list: [1, 'two', false] } }, severityNumber: 17, eventName: 'structured' } as never);
	await provider.forceFlush();
	await provider.shutdown();
}

async function sendMetrics({ compression, endpoint }: SenderOptions): Promise<void> {
	const exporter = new OTLPMetricExporter({ compression: compression as never, url: `${endpoint}/v1/metrics` });
	const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
	const views = [{ instrumentName: 'exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } as never }];
	const provider = new MeterProvider({ resource, readers: [reader], views });
	const meter = provider.getMeter('sender');
	meter.createCounter('counter', { unit: '1', description: 'Counts.' }).add(3, { route: '/' });
	meter.createUpDownCounter('updown').add(-2);
	meter.createObservableGauge('gauge').addCallback((result) => result.observe(0.25, { cpu: 0 }));
	for (const name of ['histogram', 'exponential'])
		for (const value of [0.001, 0.2, 7, 0]) meter.createHistogram(name, { unit: 's' }).record(value, { route: '/' });
	await provider.forceFlush();
	await provider.shutdown();
}
