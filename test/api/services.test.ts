import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OperationsResponse, type ServiceSummary, ServicesResponse, StatusResponse } from '../../src/api/contract.ts';
import { hoursAgo, type TestSpan, traces } from './otlp.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';

let platform: TestPlatform;
const FROM = hoursAgo(30);
const TO = FROM + 600_000 - 1;
const RANGE = `from=${FROM}&to=${TO}`;

async function services(query = RANGE): Promise<Record<string, ServiceSummary>> {
	const answer = ServicesResponse.parse(await platform.get(`/api/v1/services?${query}`));
	return Object.fromEntries(answer.services.map((service) => [service.service, service]));
}

beforeAll(async () => {
	platform = await startTestPlatform();
	expect(StatusResponse.parse(await platform.get('/api/v1/status'))).toMatchObject({ hasData: false, lastSpanMs: null });
	expect(ServicesResponse.parse(await platform.get('/api/v1/services')).services).toEqual([]);
	expect((await platform.get<{ data: string[] }>('/api/services')).data).toEqual([]);
	const spans: TestSpan[] = [];
	for (let index = 0; index < 600; index++) {
		const startMs = FROM + index * 1_000;
		const trace = `t${index}`;
		spans.push({
			trace,
			id: `a${index}`,
			service: 'api',
			name: index % 3 === 0 ? 'GET /a' : 'GET /b',
			startMs,
			durationMs: index < 540 ? 10 : 1_000,
			...(index % 10 === 0 ? { error: 'x' } : {}),
			resource: { 'telemetry.sdk.language': 'go' },
		});
		spans.push({ trace, id: `b${index}`, parent: `a${index}`, service: 'api', name: 'internal work', kind: 1, startMs, durationMs: 1 });
		if (index < 60)
			spans.push({ trace: `cron${index}`, id: `c${index}`, service: 'cron', name: 'tick', kind: 1, startMs, durationMs: 100 });
		if (index < 10)
			spans.push({ trace, id: `d${index}`, parent: `a${index}`, service: 'library', name: 'call', kind: 3, startMs, durationMs: 2 });
		if (index < 5)
			spans.push(
				{ trace, id: `e${index}`, parent: `a${index}`, service: 'consumer', name: 'process', kind: 5, startMs, durationMs: 4 },
				{ trace: `x${index}`, id: `f${index}`, service: 'consumer', name: 'boot', kind: 1, startMs, durationMs: 9_000 },
			);
	}
	await platform.ingestTraces(traces(...spans));
});
afterAll(async () => await platform[Symbol.asyncDispose]());

describe('services', () => {
	test('count entry spans; a service without any its root spans; one with neither is listed all the same', async () => {
		const all = await services();
		expect(Object.fromEntries(Object.entries(all).map(([name, service]) => [name, service.calls]))).toEqual({
			api: 600,
			consumer: 5,
			cron: 60,
			library: 0,
		});
		expect(all.library).toMatchObject({ errorRatio: 0, callsPerSecond: 0, p50Ms: null, p95Ms: null, p99Ms: null });
	});

	test('carry rate, errors, quantiles and language', async () => {
		const { api, cron } = await services();
		expect(api).toMatchObject({ calls: 600, errors: 60, callsPerSecond: 1, errorRatio: 0.1, language: 'go' });
		expect(cron?.language).toBeNull();
		// A bucket of the histogram is 9 % wide.
		for (const [actual, expected] of [
			[api?.p50Ms, 10],
			[api?.p95Ms, 1_000],
			[api?.p99Ms, 1_000],
			[cron?.p50Ms, 100],
		] as const) {
			expect(actual).toBeGreaterThan(expected / 1.1);
			expect(actual).toBeLessThan(expected * 1.1);
		}
	});

	test('have a series without gaps whose sum is the total', async () => {
		const { api, cron } = await services();
		expect(api?.series).toMatchObject({ startMs: FROM, stepMs: 60_000, calls: Array(10).fill(60), errors: Array(10).fill(6) });
		expect(cron?.series.calls).toEqual([60, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
		expect(cron?.series.p95Ms.map((value) => value === null)).toEqual([false, ...Array<boolean>(9).fill(true)]);
		const day = (await services(`from=${FROM - 86_400_000}&to=${TO}`)).api;
		expect(day?.series.calls.length).toBeLessThanOrEqual(60);
		expect(day?.series.calls.reduce((a, b) => a + b, 0)).toBe(600);
	});

	test('outside the range are not there', async () => {
		expect(await services(`from=${FROM - 7_200_000}&to=${FROM - 3_600_000}`)).toEqual({});
	});
});

describe('operations', () => {
	test('of a service, busiest first', async () => {
		const answer = OperationsResponse.parse(await platform.get(`/api/v1/services/api/operations?${RANGE}`));
		expect(answer.operations.map(({ operation, kind, calls, errors }) => [operation, kind, calls, errors])).toEqual([
			['internal work', 'internal', 600, 0],
			['GET /b', 'server', 400, 40],
			['GET /a', 'server', 200, 20],
		]);
		expect(answer.operations[1]?.callsPerSecond).toBeCloseTo(400 / 600);
	});

	test('of a service nobody knows are none, whatever its name', async () => {
		for (const name of ['unknown', "x' OR 1=1 --", 'a/b', 'ünï']) {
			const answer = OperationsResponse.parse(await platform.get(`/api/v1/services/${encodeURIComponent(name)}/operations?${RANGE}`));
			expect(answer).toMatchObject({ service: name, operations: [] });
		}
	});
});

test('the status knows the newest span, and does not believe a clock far ahead', async () => {
	expect(StatusResponse.parse(await platform.get('/api/v1/status'))).toMatchObject({
		version: '0.0.0-test',
		hasData: true,
		lastSpanMs: FROM + 599_000,
	});
	const now = Date.now();
	await platform.ingestTraces(
		traces({ trace: 'now', id: 'n', startMs: now - 5_000 }, { trace: 'future', id: 'f', startMs: now + 86_400_000 }),
	);
	expect((await platform.get<StatusResponse>('/api/v1/status')).lastSpanMs).toBe(now - 5_000);
});

test('the status of a platform that only holds data older than a week knows when it was', async () => {
	const other = await startTestPlatform();
	try {
		await other.ingestTraces(traces({ trace: 'old', id: 'o', startMs: FROM - 30 * 86_400_000 }));
		expect((await other.get<StatusResponse>('/api/v1/status')).lastSpanMs).toBe(FROM - 30 * 86_400_000);
	} finally {
		await other[Symbol.asyncDispose]();
	}
});
