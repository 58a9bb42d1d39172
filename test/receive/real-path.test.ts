/** The way of data with nothing made up but its end: real exporters, both receivers, the real decoder, the real buffer on a real disk. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemTimer } from '../../src/base/timer.ts';
import { SegmentBuffer } from '../../src/buffer/buffer.ts';
import { realFiles } from '../../src/buffer/files.ts';
import { Block } from '../../src/model/block.ts';
import { encodeNative } from '../../src/model/native.ts';
import { TABLES } from '../../src/model/schema.ts';
import { decode } from '../../src/otlp/decode.ts';
import { ByteBudget } from '../../src/receive/byte-budget.ts';
import { startGrpcReceiver } from '../../src/receive/grpc.ts';
import { startHttpReceiver } from '../../src/receive/http.ts';
import type { Ingest } from '../../src/receive/ingest.ts';
import type { Receiver } from '../../src/receive/receiver.ts';

let directory: string;
let buffer: SegmentBuffer;
let http: Receiver;
let grpc: Receiver;
/** What reached the loader: table -> rows, and all payload bytes. */
let rows: Map<string, number>;
let payloads: Buffer;

beforeEach(async () => {
	rows = new Map();
	payloads = Buffer.alloc(0);
	directory = await mkdtemp(join(tmpdir(), 'throughline-receive-'));
	buffer = await SegmentBuffer.open({
		directory,
		loader: {
			load: (batch) => {
				rows.set(batch.table, (rows.get(batch.table) ?? 0) + batch.rows);
				payloads = Buffer.concat([payloads, ...batch.records.map(({ payload }) => payload)]);
				return Promise.resolve();
			},
			check: () => Promise.resolve(),
		},
		limits: { sealAfterMs: 20, freeBytesMin: 0 },
		files: realFiles,
		clock: systemClock,
		timer: systemTimer,
		random: randomBytes,
		log: silentLog,
	});
	const ingest: Ingest = {
		async export(signal, encoding, body) {
			const spec = TABLES.find((table) => table.signal === signal);
			if (spec === undefined) throw new Error(`no table for ${signal}`);
			const block = new Block(spec.columns);
			const result = decode(signal, body, encoding, block, Date.now());
			if (block.rows > 0) await buffer.append([{ table: spec.table, rows: block.rows, payload: encodeNative(block) }]);
			return result;
		},
	};
	const options = {
		host: '127.0.0.1',
		port: 0,
		ingest,
		inFlight: new ByteBudget(10_000_000),
		log: silentLog,
		metrics: noMetrics,
		clock: systemClock,
	};
	http = await startHttpReceiver(options);
	grpc = await startGrpcReceiver(options);
});

afterEach(async () => {
	await http.stop();
	await grpc.stop();
	await buffer.close();
	await rm(directory, { recursive: true });
});

async function exportSpans(exporter: SpanExporter, name: string): Promise<void> {
	const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
	const tracer = provider.getTracer('test');
	tracer.startSpan(name).end();
	tracer.startSpan(name, { attributes: { 'http.request.method': 'GET' } }).end();
	await provider.forceFlush();
	await provider.shutdown();
}

async function expectLoaded(table: string, count: number, text: string): Promise<void> {
	await vi.waitFor(() => expect(rows.get(table)).toBe(count), 20_000);
	expect(payloads.includes(text)).toBe(true);
}

describe('from a real exporter to the loader', () => {
	test('traces, protobuf over HTTP, gzipped', async () => {
		const url = `http://127.0.0.1:${http.port}/v1/traces`;
		await exportSpans(new ProtoTraceExporter({ url, compression: 'gzip' as never }), 'span over protobuf');
		await expectLoaded('spans_live', 2, 'span over protobuf');
	});

	test('traces, JSON over HTTP', async () => {
		await exportSpans(new JsonTraceExporter({ url: `http://127.0.0.1:${http.port}/v1/traces` }), 'span over json');
		await expectLoaded('spans_live', 2, 'span over json');
	});

	test('traces over gRPC', async () => {
		await exportSpans(new GrpcTraceExporter({ url: `http://127.0.0.1:${grpc.port}` }), 'span over grpc');
		await expectLoaded('spans_live', 2, 'span over grpc');
	});

	test('metrics', async () => {
		const exporter = new OTLPMetricExporter({ url: `http://127.0.0.1:${http.port}/v1/metrics` });
		const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })] });
		provider.getMeter('test').createCounter('orders.placed').add(3);
		provider.getMeter('test').createHistogram('order.duration').record(0.4);
		await provider.forceFlush();
		await provider.shutdown();
		await vi.waitFor(() => expect(rows.get('metric_points_live')).toBeGreaterThanOrEqual(2), 20_000);
		expect(payloads.includes('orders.placed')).toBe(true);
	});

	test('logs', async () => {
		const exporter = new OTLPLogExporter({ url: `http://127.0.0.1:${http.port}/v1/logs` });
		const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
		provider.getLogger('test').emit({ body: 'a log line', severityNumber: 9 });
		await provider.forceFlush();
		await provider.shutdown();
		await expectLoaded('logs_live', 1, 'a log line');
	});
});

describe('what the real decoder refuses', () => {
	async function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>): Promise<{ status: number; body: string }> {
		const response = await fetch(`http://127.0.0.1:${http.port}/v1/traces`, { method: 'POST', body, headers });
		return { status: response.status, body: await response.text() };
	}

	test.each([
		['a JSON body cut short', '{"resourceSpans":[{', 'application/json'],
		['an empty JSON body', '', 'application/json'],
		['JSON of another shape', '{"resourceSpans":7}', 'application/json'],
		['protobuf cut short', '\x0a\x7f\x01', 'application/x-protobuf'],
	])('%s is 400', async (_about, body, type) => {
		const reply = await post(body, { 'content-type': type });
		expect(reply.status).toBe(400);
		if (type === 'application/json') expect(JSON.parse(reply.body)).toMatchObject({ code: 3 });
		expect((await post('{"resourceSpans":[]}', { 'content-type': 'application/json' })).body).toBe('{}');
	});

	test('protobuf cut short is INVALID_ARGUMENT over gRPC', async () => {
		const client = new Client(`127.0.0.1:${grpc.port}`, credentials.createInsecure());
		const asIs = (bytes: Buffer): Buffer => bytes;
		const error = await new Promise<ServiceError | null>((resolve) => {
			client.makeUnaryRequest(
				'/opentelemetry.proto.collector.trace.v1.TraceService/Export',
				asIs,
				asIs,
				Buffer.from('\x0a\x7f\x01'),
				(failure) => resolve(failure),
			);
		});
		expect(error?.code).toBe(status.INVALID_ARGUMENT);
		client.close();
	});

	test('a span without ids is refused alone, and the sender is told', async () => {
		const good = {
			traceId: '5b8efff798038103d269b633813fc60c',
			spanId: 'eee19b7ec3c1b174',
			name: 'good',
			startTimeUnixNano: '1',
			endTimeUnixNano: '2',
		};
		const spans = [good, { ...good, traceId: '00', name: 'bad' }];
		const body = gzipSync(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
		const reply = await post(new Uint8Array(body), { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'gzip' });
		expect(reply.status).toBe(200);
		expect(JSON.parse(reply.body)).toMatchObject({ partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringMatching(/trace/i) } });
		await expectLoaded('spans_live', 1, 'good');
	});
});
