/** accepted = stored + dropped + in flight, for each signal, at every moment and over a death of the platform; told by `/metrics` alone. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { PipelineResponse } from '../../src/api/contract.ts';
import { startPlatform } from '../../tools/run/platform.ts';
import { missing, readAccounts } from './accounts.ts';
import { spanRequest } from './sending.ts';

const folder = mkdtempSync(join(tmpdir(), 'accounts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const logs = JSON.stringify({
	resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords: Array.from({ length: 20 }, () => ({ body: { stringValue: 'x' } })) }] }],
});
const points = [{ asInt: '1', timeUnixNano: '1' }];
const metrics = JSON.stringify({
	resourceMetrics: [{ resource: {}, scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: points } }] }] }],
});
const badSpans = JSON.stringify({
	resourceSpans: [{ resource: {}, scopeSpans: [{ spans: [{ traceId: '00', spanId: '0102030405060708' }, { traceId: 'ab'.repeat(16) }] }] }],
});

test('the metrics account for every row', async () => {
	const env = { THROUGHLINE_TELEMETRY_TRACES: 'false' };
	const first = await startPlatform({ dataDir: join(folder, 'data'), env });
	const send = async (signal: string, body: string): Promise<void> => {
		const answer = await fetch(`${first.otlpHttpUrl}/v1/${signal}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body,
		});
		expect(answer.status).toBe(200);
	};
	for (let round = 1; round <= 20; round++) {
		await Promise.all([
			send('traces', spanRequest({ service: 'a', spans: 30 }).body),
			send('traces', badSpans),
			send('logs', logs),
			send('metrics', metrics),
		]);
		const accounts = await readAccounts(first.apiUrl);
		expect(accounts.traces).toMatchObject({ accepted: 30 * round, rejected: { trace_id: round, span_id: round }, dropped: {} });
		expect(accounts.logs).toMatchObject({ accepted: 20 * round, rejected: {} });
		expect(accounts.metrics).toMatchObject({ accepted: round });
		for (const account of Object.values(accounts)) expect(missing(account)).toBe(0);
	}
	const { signals } = (await (await fetch(`${first.apiUrl}/api/v1/pipeline`)).json()) as PipelineResponse;
	expect(signals.map(({ signal, accepted, rejected, unaccounted }) => [signal, accepted, rejected, unaccounted])).toEqual([
		['traces', 600, { trace_id: 20, span_id: 20 }, 0],
		['logs', 400, {}, 0],
		['metrics', 20, {}, 0],
	]);
	first.kill('SIGKILL');
	await first.ended;

	const second = await startPlatform({ dataDir: join(folder, 'data'), env });
	try {
		await expect
			.poll(async () => Object.values(await readAccounts(second.apiUrl)).reduce((sum, { inFlight }) => sum + inFlight, 0), {
				timeout: 20_000,
			})
			.toBe(0);
		const accounts = await readAccounts(second.apiUrl);
		expect(accounts.traces.recovered).toBeGreaterThan(0);
		for (const account of Object.values(accounts)) expect(account.stored).toBe(account.recovered);
	} finally {
		await second.stop();
	}
});
