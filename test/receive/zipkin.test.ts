/** Zipkin v2 over HTTP: what senders get for good and bad requests, and that spans reach the decoder as OTLP. */

import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/errors.ts';
import { Block } from '../../src/model/block.ts';
import { TABLES } from '../../src/model/schema.ts';
import { decode } from '../../src/otlp/decode.ts';
import { ByteBudget } from '../../src/receive/byte-budget.ts';
import type { Receiver } from '../../src/receive/receiver.ts';
import { startZipkinReceiver } from '../../src/receive/zipkin.ts';
import { FakeIngest, FakeLog, FakeMetrics } from './fake-ingest.ts';

const ingest = new FakeIngest();
const inFlight = new ByteBudget(1_000_000);
const limits = { requestBytesMax: 10_000, headersTimeoutMs: 2_000, bodyTimeoutMs: 2_000, stopTimeoutMs: 500 };
let receiver: Receiver;

beforeEach(async () => {
	ingest.received.length = 0;
	// The real decoder answers, into a block that nobody keeps.
	ingest.respond = () => {
		const spec = TABLES.find(({ signal }) => signal === 'traces');
		const last = ingest.received.at(-1);
		if (spec === undefined || last === undefined) throw new Error('nothing was received');
		return decode('traces', Buffer.from(last.body, 'latin1'), last.encoding, new Block(spec.columns), 0);
	};
	const log = new FakeLog();
	receiver = await startZipkinReceiver({
		host: '127.0.0.1',
		port: 0,
		ingest,
		inFlight,
		limits,
		log,
		metrics: new FakeMetrics(),
		clock: systemClock,
	});
});

afterEach(async () => {
	await receiver.stop();
	expect(inFlight.takenBytes, 'bytes never given back').toBe(0);
});

const SPAN = { traceId: '0af7651916cd43dd8448eb211c80319c', id: 'b7ad6b7169203331', timestamp: 1, duration: 1, name: 'get' };

function post(body: string | Uint8Array, { path = '/api/v2/spans', method = 'POST', headers = {} } = {}): Promise<Response> {
	return fetch(`http://127.0.0.1:${receiver.port}${path}`, {
		method,
		...(method === 'GET' ? {} : { body: body as BodyInit }),
		headers: { 'content-type': 'application/json', ...headers },
	});
}

test('a list of spans is 202 without a body, plain and compressed', async () => {
	const list = JSON.stringify([SPAN]);
	for (const answer of [await post(list), await post(gzipSync(list), { headers: { 'content-encoding': 'gzip' } })]) {
		expect(answer.status).toBe(202);
		expect(await answer.text()).toBe('');
	}
	expect(ingest.received.map(({ signal, encoding }) => [signal, encoding])).toEqual([
		['traces', 'json'],
		['traces', 'json'],
	]);
	expect(ingest.received[0]?.body).toContain(SPAN.traceId);
});

test('spans with bad ids are left out; only when none is good the request is refused, with the reason', async () => {
	expect((await post(JSON.stringify([SPAN, { ...SPAN, id: 'x' }]))).status).toBe(202);
	const answer = await post(JSON.stringify([{ ...SPAN, id: 'x' }]));
	expect(answer.status).toBe(400);
	expect(await answer.text()).toMatch(/span_?id/i);
});

test.each([
	['not JSON', 'x', {}, 400, /not JSON/],
	['another path', '[]', { path: '/api/v1/spans' }, 404, /\/api\/v2\/spans/],
	['another method', '', { method: 'GET' }, 405, /with POST/],
	['protobuf', 'x', { headers: { 'content-type': 'application/x-protobuf' } }, 415, /application\/json/],
	['too large', `["${'x'.repeat(10_000)}"]`, {}, 413, /10000/],
	['broken gzip', 'x', { headers: { 'content-encoding': 'gzip' } }, 400, /gzip/],
])('%s is refused in words', async (_about, body, how, status, words) => {
	const answer = await post(body, how);
	expect(answer.status).toBe(status);
	expect(await answer.text()).toMatch(words);
	expect((await post(JSON.stringify([SPAN]))).status).toBe(202);
});

test('overload says when to come again', async () => {
	ingest.respond = () => {
		throw new Failure('overloaded', 'the buffer is full', { retryAfterMs: 2_500 });
	};
	const answer = await post(JSON.stringify([SPAN]));
	expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '3']);
});
