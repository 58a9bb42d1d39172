import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiApp, ApiOptions } from '../../src/api/context.ts';
import { ErrorBody } from '../../src/api/contract.ts';
import { type ErrorCode, Failure } from '../../src/base/errors.ts';
import { buildFake, fakeEngine } from './fake-engine.ts';

let app: ApiApp | undefined;
afterEach(async () => {
	await app?.close();
	app = undefined;
});

async function appWith(over: Partial<ApiOptions>): Promise<ApiApp> {
	app = await buildFake(over);
	return app;
}

const TRACE = 'ab'.repeat(16);
const ROUTES = [
	'/api/v1/status',
	'/api/v1/services',
	'/api/v1/services/a/operations',
	'/api/v1/traces',
	`/api/v1/traces/${TRACE}`,
	`/api/v1/traces/${TRACE}/spans/1`,
	`/api/v1/traces/${TRACE}/logs`,
	`/api/v1/traces/${TRACE}/otlp`,
];
const JAEGER_ROUTES = [
	'/api/services',
	'/api/services/a/operations',
	'/api/operations?service=a',
	'/api/traces?service=a',
	`/api/traces/${TRACE}`,
];

describe('when the engine fails', () => {
	test.each<[ErrorCode, number]>([
		['unavailable', 503],
		['overloaded', 429],
		['timeout', 504],
		['too_large', 422],
		['internal', 500],
	])('%s is answered with %d by every route', async (code, status) => {
		const failing = await appWith({
			engine: fakeEngine(() => {
				throw new Failure(code, 'as the engine says', { hint: 'what to do', retryAfterMs: 2_500 });
			}),
		});
		for (const url of ROUTES) {
			const answer = await failing.inject(url);
			expect([url, answer.statusCode]).toEqual([url, status]);
			expect(ErrorBody.parse(answer.json()).error).toEqual({ code, message: 'as the engine says', hint: 'what to do' });
			expect(answer.headers['retry-after']).toBe(code === 'unavailable' || code === 'overloaded' ? '3' : undefined);
		}
		for (const url of JAEGER_ROUTES) {
			const answer = await failing.inject(url);
			expect([url, answer.statusCode]).toEqual([url, status]);
			expect(answer.json()).toEqual({ data: null, total: 0, limit: 0, offset: 0, errors: [{ code: status, msg: 'as the engine says' }] });
		}
	});

	test('a bug of ours is answered without its insides', async () => {
		const broken = await appWith({
			engine: fakeEngine(() => {
				throw new TypeError('secret detail');
			}),
		});
		const answer = await broken.inject('/api/v1/services');
		expect(answer.statusCode).toBe(500);
		expect(answer.body).not.toContain('secret');
	});
});

describe('patience', () => {
	test('one budget covers all queries of a request', async () => {
		let nowMs = 0;
		const timeouts: number[] = [];
		const slow = await appWith({
			queryTimeoutMs: 1_000,
			clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => nowMs },
			engine: fakeEngine(({ timeoutMs }) => {
				timeouts.push(timeoutMs ?? 0);
				nowMs += 400;
				return [{ minute: 28_333_333, startMs: 1 }];
			}),
		});
		expect((await slow.inject('/api/v1/status')).statusCode).toBe(200);
		expect(timeouts).toEqual([1_000, 600]);
	});

	test('a request whose budget is spent asks the engine no more', async () => {
		let nowMs = 0;
		let calls = 0;
		const slow = await appWith({
			clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => nowMs },
			engine: fakeEngine(() => {
				calls++;
				nowMs += 5_000;
				return [{ minute: 28_333_333, startMs: 1 }];
			}),
		});
		const answer = await slow.inject('/api/v1/status');
		expect([answer.statusCode, calls]).toEqual([504, 1]);
	});

	test('a client that hangs up aborts its query', async () => {
		const aborted = Promise.withResolvers<void>();
		const asked = Promise.withResolvers<void>();
		const listening = await appWith({
			engine: fakeEngine(({ abortSignal }) => {
				asked.resolve();
				return new Promise((_resolve, reject) => {
					abortSignal?.addEventListener('abort', () => {
						aborted.resolve();
						reject(new Failure('cancelled', 'stopped'));
					});
				});
			}),
		});
		await listening.listen({ host: '127.0.0.1', port: 0 });
		const { port } = listening.server.address() as AddressInfo;
		const request = httpRequest({ host: '127.0.0.1', port, path: '/api/v1/services' });
		request.on('error', () => undefined);
		request.end();
		await asked.promise;
		request.destroy();
		await aborted.promise;
	});
});

describe('what a client did wrong is said with how to do it right', () => {
	test.each([
		['/api/v1/traces?limit=501', 'limit'],
		['/api/v1/traces?limit=x', 'limit'],
		['/api/v1/traces?sort=size', 'sort: one of time, duration'],
		['/api/v1/traces?status=bad', 'status: one of ok, error'],
		['/api/v1/traces?from=yesterday', 'from: write ISO 8601'],
		['/api/v1/traces?from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z', 'is after to'],
		['/api/v1/traces?minDurationMs=-1', 'minDurationMs'],
		['/api/v1/traces?minDurationMs=2&maxDurationMs=1', 'is above maxDurationMs'],
		['/api/v1/traces?attribute=novalue', 'is not key=value'],
		['/api/v1/traces?cursor=zzz', 'cursor is not one this API gave out'],
		['/api/v1/traces?service=a&service=b', 'service'],
		['/api/v1/traces?colour=red', 'unknown parameter colour'],
		['/api/v1/services?limit=3', 'unknown parameter limit'],
		['/api/v1/traces/nothex', 'is no trace id'],
		[`/api/v1/traces/${'0'.repeat(32)}`, 'is no trace id'],
		[`/api/v1/traces/${TRACE}/spans/${TRACE}`, 'is no span id'],
	])('%s', async (url, message) => {
		const answer = await (await appWith({})).inject(url);
		expect(answer.statusCode).toBe(400);
		expect(ErrorBody.parse(answer.json()).error.message).toContain(message);
	});

	test('a parameter left empty, as forms send it, is as good as absent', async () => {
		const answer = await (await appWith({})).inject('/api/v1/traces?service=&from=&cursor=&limit=20');
		expect(answer.statusCode).toBe(200);
	});

	test('a URL longer than any the UI writes is refused', async () => {
		const answer = await (await appWith({})).inject(`/api/v1/traces?service=${'x'.repeat(9_000)}`);
		expect([answer.statusCode, ErrorBody.parse(answer.json()).error.code]).toEqual([414, 'too_large']);
	});

	test('a URL that is not percent-encoded text is refused in the same form', async () => {
		const answer = await (await appWith({})).inject('/api/v1/traces/%zz');
		expect([answer.statusCode, ErrorBody.parse(answer.json()).error.code]).toEqual([400, 'invalid_argument']);
	});

	test('paths and methods that do not exist', async () => {
		const there = await appWith({});
		for (const [method, url] of [
			['GET', '/api/v1/nothing'],
			['GET', '/api/nothing'],
			['POST', '/api/v1/traces'],
			['DELETE', '/api/services'],
		] as const) {
			const answer = await there.inject({ method, url });
			expect([url, answer.statusCode, ErrorBody.parse(answer.json()).error.code]).toEqual([url, 404, 'not_found']);
		}
	});
});
