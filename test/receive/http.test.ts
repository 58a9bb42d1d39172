/** OTLP/HTTP as senders see it: every way to be wrong, its answer, and that the next good request is served as if nothing had been. */

import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/errors.ts';
import { ByteBudget } from '../../src/receive/byte-budget.ts';
import { type HttpReceiverOptions, startHttpReceiver } from '../../src/receive/http.ts';
import type { Receiver } from '../../src/receive/receiver.ts';
import { BAD, type HttpRequest, JSON_TYPE, PROTOBUF, REQUEST_MAX } from './bad-http-requests.ts';
import { FakeIngest, FakeLog, FakeMetrics } from './fake-ingest.ts';

let ingest: FakeIngest;
let metrics: FakeMetrics;
let log: FakeLog;
let inFlight: ByteBudget;
let receiver: Receiver;
const started: Receiver[] = [];

async function start(more: Partial<HttpReceiverOptions> = {}): Promise<Receiver> {
	const options = { host: '127.0.0.1', port: 0, ingest, inFlight, log, metrics, clock: systemClock, ...more };
	const result = await startHttpReceiver({
		...options,
		limits: { requestBytesMax: REQUEST_MAX, headersTimeoutMs: 400, bodyTimeoutMs: 400, stopTimeoutMs: 500, ...more.limits },
	});
	started.push(result);
	return result;
}

beforeEach(async () => {
	ingest = new FakeIngest();
	metrics = new FakeMetrics();
	log = new FakeLog();
	inFlight = new ByteBudget(1_000_000);
	receiver = await start();
});

afterEach(async () => {
	for (const each of started.splice(0)) await each.stop();
	expect(inFlight.takenBytes, 'bytes never given back').toBe(0);
});

interface Reply {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly body: Buffer;
}

interface Send extends HttpRequest {
	readonly port?: number;
	readonly agent?: Agent;
}

function send({
	method = 'POST',
	path = '/v1/traces',
	headers = { 'content-type': PROTOBUF },
	body,
	port = receiver.port,
	agent,
}: Send = {}): Promise<Reply> {
	return new Promise((resolve, reject) => {
		const request = httpRequest(
			{ host: '127.0.0.1', port, method, path, headers, ...(agent === undefined ? {} : { agent }) },
			(response) => {
				const chunks: Buffer[] = [];
				response.on('data', (chunk: Buffer) => chunks.push(chunk));
				response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
			},
		);
		request.on('error', reject);
		request.end(body);
	});
}

/** Writes `parts` with a pause between them and returns all that comes back until the server closes. */
function raw(parts: readonly (string | Uint8Array)[], { closeAfterMs = 5_000 } = {}): Promise<string> {
	return new Promise((resolve) => {
		const socket = connect(receiver.port, '127.0.0.1');
		let answer = '';
		socket.on('data', (chunk) => {
			answer += chunk.toString('latin1');
		});
		socket.on('error', () => {});
		const timer = setTimeout(() => socket.destroy(), closeAfterMs);
		socket.on('close', () => {
			clearTimeout(timer);
			resolve(answer);
		});
		void (async () => {
			for (const part of parts) {
				socket.write(part);
				await new Promise((next) => setTimeout(next, 20));
			}
		})();
	});
}

async function expectGoodRequestServed(): Promise<void> {
	ingest.respond = () => ({ accepted: 1, rejected: 0, message: '' });
	const reply = await send({ body: 'good' });
	expect(reply.status).toBe(200);
	expect(reply.body.length).toBe(0);
}

/** `google.rpc.Status` in protobuf: code is field 1, message field 2; enough of a reader for bodies written here. */
function readStatus({ headers, body }: Reply): { code: number; message: string } {
	if (headers['content-type'] === JSON_TYPE) return JSON.parse(body.toString()) as { code: number; message: string };
	expect(headers['content-type']).toBe(PROTOBUF);
	expect(body[0]).toBe(0x08);
	expect(body[2]).toBe(0x12);
	const long = (body[3] ?? 0) >= 0x80;
	const length = long ? ((body[3] ?? 0) & 0x7f) | ((body[4] ?? 0) << 7) : (body[3] ?? 0);
	const from = long ? 5 : 4;
	return { code: body[1] ?? 0, message: body.subarray(from, from + length).toString() };
}

const gz = gzipSync('hello');

describe('good requests', () => {
	test.each([
		['/v1/traces', 'traces'],
		['/v1/metrics', 'metrics'],
		['/v1/logs', 'logs'],
	])('%s is answered in the encoding of the request', async (path, signal) => {
		const protobuf = await send({ path, body: 'abc' });
		expect([protobuf.status, protobuf.headers['content-type'], protobuf.body.length]).toEqual([200, PROTOBUF, 0]);
		const json = await send({ path, headers: { 'content-type': 'Application/JSON; charset=UTF-8' }, body: '{}' });
		expect([json.status, json.headers['content-type'], json.body.toString()]).toEqual([200, JSON_TYPE, '{}']);
		expect(ingest.received).toEqual([
			{ signal, encoding: 'protobuf', body: 'abc' },
			{ signal, encoding: 'json', body: '{}' },
		]);
	});

	test.each([
		['identity', Buffer.from('hello')],
		['gzip', gz],
		['GZIP', gz],
		['gzip', Buffer.concat([gzipSync('hel'), gzipSync('lo')])],
		['deflate', deflateSync('hello')],
		['zstd', zstdCompressSync('hello')],
	])('a body in %s arrives inflated', async (coding, body) => {
		const reply = await send({ headers: { 'content-type': PROTOBUF, 'content-encoding': coding }, body });
		expect(reply.status).toBe(200);
		expect(ingest.received.at(-1)?.body).toBe('hello');
	});

	test('an empty protobuf body is an empty message and goes through; chunked bodies need no length', async () => {
		expect((await send({ body: '' })).status).toBe(200);
		const reply = await raw([
			`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
			'3\r\nabc\r\n',
			'2\r\nde\r\n0\r\n\r\n',
		]);
		expect(reply).toMatch(/^HTTP\/1.1 200/);
		expect(ingest.received.map(({ body }) => body)).toEqual(['', 'abcde']);
	});

	test('partial success says how many and why, in both encodings', async () => {
		ingest.respond = () => ({ accepted: 1, rejected: 3, message: 'span_id is empty' });
		const json = await send({ headers: { 'content-type': JSON_TYPE }, body: '{}' });
		expect(json.status).toBe(200);
		expect(JSON.parse(json.body.toString())).toEqual({ partialSuccess: { rejectedSpans: '3', errorMessage: 'span_id is empty' } });
		const protobuf = await send({});
		expect(protobuf.body.toString('hex')).toBe(`0a140803 1210 ${Buffer.from('span_id is empty').toString('hex')}`.replaceAll(' ', ''));
		expect(metrics.values.get('throughline_receive_requests_total{transport=http,signal=traces,outcome=partial}')).toBe(2);
	});

	test('connections are kept and used again', async () => {
		const agent = new Agent({ keepAlive: true, maxSockets: 1 });
		for (let index = 0; index < 3; index++) expect((await send({ agent })).status).toBe(200);
		expect(Object.values(agent.freeSockets).flat().length).toBe(1);
		agent.destroy();
	});

	test('a sender that asks before sending is told to go on', async () => {
		const reply = await raw([
			`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ncontent-length: 3\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n`,
			'abc',
		]);
		expect(reply).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/);
	});

	test('many senders at once each get their own answer', async () => {
		ingest.respond = () =>
			new Promise((resolve) => setTimeout(() => resolve({ accepted: 1, rejected: 0, message: '' }), Math.random() * 5));
		const replies = await Promise.all(Array.from({ length: 300 }, (_, index) => send({ body: `request ${index}` })));
		expect(replies.every(({ status }) => status === 200)).toBe(true);
		expect(new Set(ingest.received.map(({ body }) => body)).size).toBe(300);
	});
});

describe('bad requests', () => {
	test.each(BAD)('$about: $status', async ({ status, code, says, answersIn = PROTOBUF, about: _about, ...request }) => {
		const reply = await send(request);
		expect([reply.status, reply.headers['content-type']]).toEqual([status, answersIn]);
		const error = readStatus(reply);
		expect(error.code).toBe(code);
		expect(error.message).toMatch(says);
		expect(reply.headers.allow).toBe(status === 405 ? 'POST' : undefined);
		expect(reply.headers['retry-after'], 'what is wrong stays wrong').toBeUndefined();
		expect(ingest.received).toEqual([]);
		await expectGoodRequestServed();
	});

	test('bytes the decoder refuses are 400 in the encoding of the request', async () => {
		ingest.respond = () => Promise.reject(new Failure('malformed', 'field 1 is cut short'));
		for (const type of [PROTOBUF, JSON_TYPE]) {
			const reply = await send({ headers: { 'content-type': type }, body: 'x' });
			expect([reply.status, reply.headers['content-type']]).toEqual([400, type]);
			expect(readStatus(reply)).toMatchObject({ code: 3, message: 'field 1 is cut short' });
		}
		await expectGoodRequestServed();
	});

	test.each([
		['overloaded', 7_200, '8'],
		['unavailable', undefined, '5'],
		['timeout', 10, '1'],
	] as const)('%s further down is 503 with Retry-After', async (code, retryAfterMs, seconds) => {
		ingest.respond = () => Promise.reject(new Failure(code, 'not now', retryAfterMs === undefined ? {} : { retryAfterMs }));
		const reply = await send({ headers: { 'content-type': JSON_TYPE }, body: '{}' });
		expect([reply.status, reply.headers['retry-after']]).toEqual([503, seconds]);
		expect(JSON.parse(reply.body.toString())).toMatchObject({
			code: 14,
			message: 'not now',
			details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo' }],
		});
		await expectGoodRequestServed();
	});

	test('a bug further down is 500, tells the sender nothing and the log everything', async () => {
		ingest.respond = () => Promise.reject(new TypeError('secret is undefined'));
		const reply = await send();
		expect(reply.status).toBe(500);
		expect(readStatus(reply).code).toBe(13);
		expect(readStatus(reply).message).not.toMatch(/secret/);
		expect(log.lines).toMatchObject([{ level: 'error', fields: { error: { message: 'secret is undefined' } } }]);
		await expectGoodRequestServed();
	});

	test('a sender that repeats its mistake fills the counters, not the log', async () => {
		for (let index = 0; index < 20; index++) await send({ headers: { 'content-type': 'text/plain' } });
		expect(log.lines).toMatchObject([{ level: 'warn', fields: { contentType: 'text/plain', code: 'unsupported' } }]);
		expect(metrics.values.get('throughline_receive_requests_total{transport=http,signal=traces,outcome=unsupported}')).toBe(20);
	});
});

describe('memory and time', () => {
	test('bodies of all requests together are bounded: 503, and accepted again once others are answered', async () => {
		let answer: () => void = () => {};
		const gate = new Promise<void>((resolve) => {
			answer = resolve;
		});
		ingest.respond = () => gate.then(() => ({ accepted: 1, rejected: 0, message: '' }));
		const waiting = Array.from({ length: 11 }, () => send({ body: Buffer.alloc(90_000) }));
		await vi.waitFor(() => expect(ingest.received.length).toBe(11), 20_000);
		expect(inFlight.takenBytes).toBe(990_000);
		const refused = await send({ body: Buffer.alloc(20_000) });
		expect([refused.status, readStatus(refused).code]).toEqual([503, 14]);
		expect(refused.headers['retry-after']).toBe('5');
		const inflated = await send({
			headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip' },
			body: gzipSync(Buffer.alloc(20_000)),
		});
		expect(inflated.status).toBe(503);
		answer();
		expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(11).fill(200));
		await expectGoodRequestServed();
	});

	test('a body that comes too slowly is 408', async () => {
		const reply = await raw([`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${JSON_TYPE}\r\ncontent-length: 10\r\n\r\n`, 'a', 'b']);
		expect(reply).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
		expect(reply).toMatch(/"code":4/);
		await expectGoodRequestServed();
	});

	test('headers that come too slowly are 408', async () => {
		const reply = await raw(['POST /v1/traces HTTP/1.1\r\nhost: x\r\n', 'content-']);
		expect(reply).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
		expect(reply).toMatch(/"code":4/);
		await expectGoodRequestServed();
	});

	test('less than the declared length: 408, nothing is kept', async () => {
		const reply = await raw([`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ncontent-length: 50\r\n\r\nshort`]);
		expect(reply).toMatch(/^HTTP\/1.1 408/);
		expect(ingest.received).toEqual([]);
	});

	test('more than the declared length: the request is what was declared, and what follows is no request', async () => {
		const reply = await raw([
			`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ncontent-length: 2\r\n\r\nab`,
			'c and more\r\n\r\n',
		]);
		expect(reply).toMatch(/^HTTP\/1.1 200[\s\S]*HTTP\/1.1 400 Bad Request/);
		const atOnce = await raw([
			`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ncontent-length: 2\r\n\r\nabc and more\r\n\r\n`,
		]);
		expect(atOnce).toMatch(/HTTP\/1.1 400 Bad Request/);
		expect(ingest.received.every(({ body }) => body === 'ab')).toBe(true);
		await expectGoodRequestServed();
	});

	test('a sender that goes away in the middle of the body leaves nothing behind', async () => {
		await raw([`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ncontent-length: 50000\r\n\r\n${'x'.repeat(10_000)}`], {
			closeAfterMs: 60,
		});
		await vi.waitFor(
			() => expect(metrics.values.get('throughline_receive_requests_total{transport=http,signal=traces,outcome=cancelled}')).toBe(1),
			20_000,
		);
		expect(inFlight.takenBytes).toBe(0);
		expect(ingest.received).toEqual([]);
		await expectGoodRequestServed();
	});

	test('what is too large by its own word is refused before it is sent', async () => {
		const reply = await raw([`POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ncontent-length: 99999999999\r\n\r\n`], {
			closeAfterMs: 200,
		});
		expect(reply).toMatch(/^HTTP\/1.1 413/);
		await expectGoodRequestServed();
	});

	test.each([
		['not HTTP at all', 'hello\r\n\r\n', 400],
		['an HTTP/2 preface, as gRPC clients send it', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
		['headers without end', `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(10_000)}`, 431],
	])('%s is answered with a status', async (_about, bytes, status) => {
		const reply = await raw([bytes]);
		expect(reply).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
		expect(reply).toMatch(/"code":\d+,"message":"/);
		await expectGoodRequestServed();
	});
});

describe('connections', () => {
	test('beyond the limit they are closed unheard, and counted', async () => {
		const { port } = await start({ limits: { connectionsMax: 1 } });
		const first = connect(port, '127.0.0.1');
		await new Promise((resolve) => first.on('connect', resolve));
		await expect(send({ port })).rejects.toMatchObject({ code: 'ECONNRESET' });
		expect(metrics.values.get('throughline_receive_connections_dropped_total{transport=http}')).toBe(1);
		first.destroy();
		await vi.waitFor(async () => expect((await send({ port })).status).toBe(200), 20_000);
	});
});

describe('browsers', () => {
	const preflight = {
		origin: 'https://shop.example.com',
		'access-control-request-method': 'POST',
		'access-control-request-headers': 'content-type,traceparent',
	};

	test('an allowed origin gets its preflight and may read answers, errors included', async () => {
		const { port } = await start({ allowedOrigins: ['https://*.example.com'] });
		const reply = await send({ port, method: 'OPTIONS', headers: preflight });
		expect(reply.status).toBe(204);
		expect(reply.headers).toMatchObject({
			'access-control-allow-origin': 'https://shop.example.com',
			'access-control-allow-methods': 'POST',
			'access-control-allow-headers': 'content-type,traceparent',
			vary: 'Origin',
		});
		for (const type of [JSON_TYPE, 'text/plain']) {
			const answer = await send({ port, headers: { origin: 'https://shop.example.com', 'content-type': type }, body: '{}' });
			expect(answer.headers['access-control-allow-origin']).toBe('https://shop.example.com');
		}
	});

	test('another origin gets nothing', async () => {
		const { port } = await start({ allowedOrigins: ['https://*.example.com'] });
		const reply = await send({ port, method: 'OPTIONS', headers: { ...preflight, origin: 'https://example.com.evil.test' } });
		expect(reply.status).toBe(405);
		expect(reply.headers['access-control-allow-origin']).toBeUndefined();
	});
});

describe('start and stop', () => {
	test('a taken port is a failure that names the setting', async () => {
		await expect(start({ port: receiver.port })).rejects.toMatchObject({
			code: 'conflict',
			message: expect.stringMatching(/^cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/),
			hint: expect.stringMatching(/otlp\.http\.port \(THROUGHLINE_OTLP_HTTP_PORT\)/),
		});
	});

	test('stop waits for requests under way and takes no new ones', async () => {
		let answer: () => void = () => {};
		ingest.respond = () =>
			new Promise((resolve) => {
				answer = () => resolve({ accepted: 1, rejected: 0, message: '' });
			});
		const agent = new Agent({ keepAlive: true });
		const waiting = send({ agent });
		await vi.waitFor(() => expect(ingest.received.length).toBe(1), 20_000);
		const stopping = receiver.stop();
		await expect(send()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
		answer();
		const reply = await waiting;
		expect([reply.status, reply.headers.connection]).toEqual([200, 'close']);
		await stopping;
		await receiver.stop();
		agent.destroy();
	});

	test('stop cuts off what does not finish in time', async () => {
		const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
		ingest.respond = async () => {
			await answered;
			return { accepted: 1, rejected: 0, message: '' };
		};
		const waiting = send().catch((error: NodeJS.ErrnoException) => error.code);
		await vi.waitFor(() => expect(ingest.received.length).toBe(1), 20_000);
		const startMs = performance.now();
		await receiver.stop();
		expect(performance.now() - startMs).toBeLessThan(8_000);
		expect(await waiting).toBe('ECONNRESET');
		answer();
		await vi.waitFor(() => expect(inFlight.takenBytes).toBe(0), 20_000);
	});
});
