/** OTLP/gRPC as senders see it: every way to be wrong, its status, and that the next good call is served as if nothing had been. */

import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/errors.ts';
import { ByteBudget } from '../../src/receive/byte-budget.ts';
import { startGrpcReceiver } from '../../src/receive/grpc.ts';
import type { Receiver, ReceiverOptions } from '../../src/receive/receiver.ts';
import { FakeIngest, FakeLog, FakeMetrics } from './fake-ingest.ts';

const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const METRICS = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
const LOGS = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
const REQUEST_MAX = 100_000;

let ingest: FakeIngest;
let metrics: FakeMetrics;
let log: FakeLog;
let inFlight: ByteBudget;
let receiver: Receiver;
let client: Client;
const started: Receiver[] = [];
const clients: Client[] = [];

async function start(more: Partial<ReceiverOptions> = {}): Promise<Receiver> {
	const result = await startGrpcReceiver({
		host: '127.0.0.1',
		port: 0,
		ingest,
		inFlight,
		log,
		metrics,
		clock: systemClock,
		...more,
		limits: { requestBytesMax: REQUEST_MAX, bodyTimeoutMs: 400, stopTimeoutMs: 500, ...more.limits },
	});
	started.push(result);
	return result;
}

function newClient(port: number, options: object = {}): Client {
	const result = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
	clients.push(result);
	return result;
}

/** Calls with bytes and gets bytes, or the error. */
function call(path: string, body: Uint8Array | string, from = client): Promise<{ error?: ServiceError; body?: Buffer }> {
	const asIs = (bytes: Buffer): Buffer => bytes;
	return new Promise((resolve) => {
		from.makeUnaryRequest<Buffer, Buffer>(
			path,
			asIs,
			asIs,
			Buffer.from(body),
			new Metadata(),
			{ deadline: Date.now() + 5_000 },
			(error, answer) => resolve(error === null ? { body: answer as Buffer } : { error }),
		);
	});
}

beforeEach(async () => {
	ingest = new FakeIngest();
	metrics = new FakeMetrics();
	log = new FakeLog();
	inFlight = new ByteBudget(500_000);
	receiver = await start();
	client = newClient(receiver.port);
});

afterEach(async () => {
	for (const each of clients.splice(0)) each.close();
	for (const each of started.splice(0)) await each.stop();
	expect(inFlight.takenBytes, 'bytes never given back').toBe(0);
});

async function expectGoodCallServed(): Promise<void> {
	ingest.respond = () => ({ accepted: 1, rejected: 0, message: '' });
	expect((await call(TRACES, 'good')).body?.length).toBe(0);
}

const details = (error: ServiceError | undefined): Buffer | undefined =>
	error?.metadata.get('grpc-status-details-bin')[0] as Buffer | undefined;

/** One HTTP/2 request, byte by byte as given: what no decent client would send. */
function rawCall(headers: Record<string, string>, frames: readonly Uint8Array[], { end = true } = {}): Promise<Record<string, unknown>> {
	const session = connectHttp2(`http://127.0.0.1:${receiver.port}`);
	return new Promise((resolve, reject) => {
		session.on('error', reject);
		const stream = session.request({ ':method': 'POST', ':path': TRACES, 'content-type': 'application/grpc', te: 'trailers', ...headers });
		let answer: Record<string, unknown> = {};
		stream.on('response', (head) => {
			answer = { ...answer, ...head };
		});
		stream.on('trailers', (trailers) => {
			answer = { ...answer, ...trailers };
		});
		stream.on('error', () => {});
		stream.on('data', () => {});
		for (const over of ['end', 'close'])
			stream.on(over, () => {
				session.destroy();
				resolve(answer);
			});
		for (const frame of frames) stream.write(frame);
		if (end) stream.end();
	});
}

/** A gRPC message: compressed flag, length, bytes. */
function message(body: Uint8Array, compressed: boolean, length = body.length): Buffer {
	const head = Buffer.alloc(5);
	head.writeUInt8(compressed ? 1 : 0, 0);
	head.writeUInt32BE(length, 1);
	return Buffer.concat([head, body]);
}

describe('good calls', () => {
	test.each([
		[TRACES, 'traces'],
		[METRICS, 'metrics'],
		[LOGS, 'logs'],
	])('%s', async (path, signal) => {
		expect(await call(path, 'abc')).toEqual({ body: Buffer.alloc(0) });
		expect(ingest.received).toEqual([{ signal, encoding: 'protobuf', body: 'abc' }]);
	});

	test('gzip, as compressed by a client', async () => {
		const compressing = newClient(receiver.port, { 'grpc.default_compression_algorithm': 2 });
		await call(TRACES, 'x'.repeat(5_000), compressing);
		expect(ingest.received[0]?.body).toBe('x'.repeat(5_000));
	});

	test('partial success says how many and why', async () => {
		ingest.respond = () => ({ accepted: 1, rejected: 3, message: 'bad id' });
		const { body } = await call(LOGS, 'abc');
		expect(body?.toString('hex')).toBe(`0a0a08031206${Buffer.from('bad id').toString('hex')}`);
		expect(metrics.values.get('throughline_receive_requests_total{transport=grpc,signal=logs,outcome=partial}')).toBe(1);
	});

	test('many calls at once each get their own answer', async () => {
		ingest.respond = () =>
			new Promise((resolve) => setTimeout(() => resolve({ accepted: 1, rejected: 0, message: '' }), Math.random() * 5));
		const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => call(TRACES, `request ${index}`)));
		expect(answers.every(({ error }) => error === undefined)).toBe(true);
		expect(new Set(ingest.received.map(({ body }) => body)).size).toBe(300);
	});
});

describe('bad calls', () => {
	test('bytes the decoder refuses are INVALID_ARGUMENT', async () => {
		ingest.respond = () => Promise.reject(new Failure('malformed', 'field 1 is cut short, “quoted” \ud800'));
		const { error } = await call(TRACES, 'x');
		expect(error?.code).toBe(status.INVALID_ARGUMENT);
		expect(error?.details).toBe('field 1 is cut short, “quoted” \ufffd');
		expect(details(error)?.subarray(0, 2)).toEqual(Buffer.from([0x08, status.INVALID_ARGUMENT]));
		expect(details(error)?.includes('RetryInfo')).toBe(false);
		await expectGoodCallServed();
	});

	test.each(['overloaded', 'unavailable'] as const)('%s further down is UNAVAILABLE with RetryInfo', async (code) => {
		ingest.respond = () => Promise.reject(new Failure(code, 'not now', { retryAfterMs: 1_500 }));
		const { error } = await call(TRACES, 'x');
		expect(error?.code).toBe(status.UNAVAILABLE);
		expect(details(error)?.toString('hex')).toContain(Buffer.from('type.googleapis.com/google.rpc.RetryInfo').toString('hex'));
		// Duration { seconds: 1, nanos: 500000000 }
		expect(details(error)?.toString('hex')).toContain('08011080cab5ee01');
		await expectGoodCallServed();
	});

	test('a bug further down is INTERNAL, tells the sender nothing and the log everything', async () => {
		ingest.respond = () => Promise.reject(new TypeError('secret is undefined'));
		const { error } = await call(TRACES, 'x');
		expect(error?.code).toBe(status.INTERNAL);
		expect(error?.details).not.toMatch(/secret/);
		expect(log.lines).toMatchObject([{ level: 'error', fields: { error: { message: 'secret is undefined' } } }]);
	});

	test('too much on the wire is RESOURCE_EXHAUSTED without RetryInfo', async () => {
		const { error } = await call(TRACES, 'x'.repeat(REQUEST_MAX + 1));
		expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
		expect(details(error)?.includes('RetryInfo')).toBe(false);
		expect(ingest.received).toEqual([]);
		await expectGoodCallServed();
		expect(metrics.values.get('throughline_receive_requests_total{transport=grpc,signal=traces,outcome=too_large}')).toBe(1);
	});

	test('a gzip bomb is RESOURCE_EXHAUSTED, and is not inflated further', async () => {
		const bomb = gzipSync(Buffer.alloc(400 * 1024 * 1024)); // 400 kB on the wire would pass; this receiver takes 100 kB
		const bigger = await start({ limits: { requestBytesMax: 1_000_000 }, inFlight: new ByteBudget(4_000_000) });
		const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
		receiver = bigger;
		const answer = await rawCall({ 'grpc-encoding': 'gzip' }, [message(bomb, true)]);
		expect(answer['grpc-status']).toBe(String(status.RESOURCE_EXHAUSTED));
		expect(process.memoryUsage().arrayBuffers + process.memoryUsage().external - before).toBeLessThan(100 * 1024 * 1024);
		expect(ingest.received).toEqual([]);
	});

	test('gzip that is none, or cut short, fails for good', async () => {
		for (const body of [Buffer.from('hello'), gzipSync('hello').subarray(0, -1)]) {
			const answer = await rawCall({ 'grpc-encoding': 'gzip' }, [message(body, true)]);
			expect(answer['grpc-status']).toBe(String(status.INTERNAL));
		}
		await expectGoodCallServed();
	});

	test('an unknown compression is UNIMPLEMENTED and names those that are known', async () => {
		const answer = await rawCall({ 'grpc-encoding': 'zstd' }, [message(Buffer.from('x'), true)]);
		expect(answer['grpc-status']).toBe(String(status.UNIMPLEMENTED));
		await expectGoodCallServed();
	});

	test('an unknown method or service is UNIMPLEMENTED', async () => {
		expect((await call('/opentelemetry.proto.collector.trace.v1.TraceService/Import', 'x')).error?.code).toBe(status.UNIMPLEMENTED);
		const jaeger = (await call('/jaeger.api_v2.CollectorService/PostSpans', 'x')).error;
		expect(jaeger?.code).toBe(status.UNIMPLEMENTED);
		expect(jaeger?.details).toMatch(/Jaeger.*OTLP\/gRPC/);
		await expectGoodCallServed();
	});

	test('another content type is 415', async () => {
		expect((await rawCall({ 'content-type': 'application/x-protobuf' }, [Buffer.from('x')]))[':status']).toBe(415);
		await expectGoodCallServed();
	});

	test('a message that comes too slowly is DEADLINE_EXCEEDED', async () => {
		const answer = await rawCall({}, [message(Buffer.from('short'), false, 50)], { end: false });
		expect(answer['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED));
		await expectGoodCallServed();
		expect(metrics.values.get('throughline_receive_requests_total{transport=grpc,signal=traces,outcome=timeout}')).toBe(1);
	});

	test('a stream that ends in the middle of the message is refused', async () => {
		const answer = await rawCall({}, [message(Buffer.from('short'), false, 50)]);
		expect(Number(answer['grpc-status'])).toBeGreaterThan(0);
		expect(ingest.received).toEqual([]);
		await expectGoodCallServed();
	});

	test('a client that goes away while it is sending leaves nothing behind', async () => {
		const session = connectHttp2(`http://127.0.0.1:${receiver.port}`);
		const stream = session.request({ ':method': 'POST', ':path': TRACES, 'content-type': 'application/grpc', te: 'trailers' });
		stream.on('error', () => {});
		stream.write(message(Buffer.alloc(1_000), false, 50_000));
		await new Promise((resolve) => setTimeout(resolve, 50));
		session.destroy();
		await vi.waitFor(
			() => expect(metrics.values.get('throughline_receive_requests_total{transport=grpc,signal=traces,outcome=cancelled}')).toBe(1),
			20_000,
		);
		expect(ingest.received).toEqual([]);
		await expectGoodCallServed();
	});

	test('HTTP/1.1 on the gRPC port closes the connection and nothing else', async () => {
		const socket = connect(receiver.port, '127.0.0.1');
		socket.write('POST /v1/traces HTTP/1.1\r\nhost: x\r\n\r\n');
		socket.resume();
		await new Promise((resolve) => socket.on('close', resolve));
		await expectGoodCallServed();
	});
});

describe('memory', () => {
	test('bodies of all requests together are bounded: UNAVAILABLE with RetryInfo, and accepted again later', async () => {
		let answer: () => void = () => {};
		const gate = new Promise<void>((resolve) => {
			answer = resolve;
		});
		ingest.respond = () => gate.then(() => ({ accepted: 1, rejected: 0, message: '' }));
		const waiting = Array.from({ length: 5 }, () => call(TRACES, Buffer.alloc(95_000)));
		await vi.waitFor(() => expect(ingest.received.length).toBe(5), 20_000);
		const { error } = await call(TRACES, Buffer.alloc(50_000));
		expect(error?.code).toBe(status.UNAVAILABLE);
		expect(details(error)?.includes('RetryInfo')).toBe(true);
		answer();
		expect((await Promise.all(waiting)).every(({ body }) => body !== undefined)).toBe(true);
		await expectGoodCallServed();
	});
});

describe('start and stop', () => {
	test('a taken port is a failure that names the setting', async () => {
		await expect(start({ port: receiver.port })).rejects.toMatchObject({
			code: 'conflict',
			message: expect.stringMatching(/^cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/),
			hint: expect.stringMatching(/otlp\.grpc\.port \(THROUGHLINE_OTLP_GRPC_PORT\)/),
		});
	});

	test('stop waits for calls under way and takes no new ones', async () => {
		let answer: () => void = () => {};
		ingest.respond = () =>
			new Promise((resolve) => {
				answer = () => resolve({ accepted: 1, rejected: 0, message: '' });
			});
		const waiting = call(TRACES, 'x');
		await vi.waitFor(() => expect(ingest.received.length).toBe(1), 20_000);
		const stopping = receiver.stop();
		expect((await call(TRACES, 'late', newClient(receiver.port, { 'grpc.use_local_subchannel_pool': 1 }))).error?.code).toBe(
			status.UNAVAILABLE,
		);
		answer();
		expect((await waiting).body).toBeDefined();
		await stopping;
		await receiver.stop();
		expect(ingest.received.length).toBe(1);
	});

	test('stop does not wait for connections that are idle or silent', async () => {
		receiver = await start({ limits: { stopTimeoutMs: 20_000 } });
		await call(TRACES, 'x', newClient(receiver.port));
		const silent = connect(receiver.port, '127.0.0.1').on('error', () => {});
		await new Promise((resolve) => silent.on('connect', resolve));
		const startMs = performance.now();
		await receiver.stop();
		expect(performance.now() - startMs).toBeLessThan(4_000);
	});

	test('stop cuts off what does not finish in time', async () => {
		const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
		ingest.respond = async () => {
			await answered;
			return { accepted: 1, rejected: 0, message: '' };
		};
		const waiting = call(TRACES, 'x');
		await vi.waitFor(() => expect(ingest.received.length).toBe(1), 20_000);
		const startMs = performance.now();
		await receiver.stop();
		expect(performance.now() - startMs).toBeLessThan(8_000);
		expect((await waiting).error?.code).toBeDefined();
		answer();
		await vi.waitFor(() => expect(inFlight.takenBytes).toBe(0), 20_000);
	});
});
