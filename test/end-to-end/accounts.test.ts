/** accepted = stored + in the buffer + put aside, at every moment and over a death of the engine and a restart of the platform; told by `/metrics` alone. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startPlatform } from '../../tools/run/platform.ts';
import { spanRequest } from './sending.ts';

const folder = mkdtempSync(join(tmpdir(), 'accounts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sums of all samples of each metric, labels left out. */
async function sums(apiUrl: string): Promise<(name: string) => number> {
	const totals = new Map<string, number>();
	for (const line of (await (await fetch(`${apiUrl}/metrics`)).text()).split('\n')) {
		const sample = /^(throughline_\w+)(?:\{.*\})? (\S+)$/.exec(line);
		if (sample?.[1] !== undefined) totals.set(sample[1], (totals.get(sample[1]) ?? 0) + Number(sample[2]));
	}
	return (name) => totals.get(`throughline_${name}`) ?? 0;
}

/** What came in and where it is now. */
function balance(sum: (name: string) => number): { in: number; out: number } {
	return {
		in: sum('ingest_accepted_total') + sum('buffer_recovered_rows_total'),
		out: sum('store_rows_total') + sum('buffer_rows') + sum('buffer_dead_letter_rows_total'),
	};
}

const logs = JSON.stringify({
	resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords: Array.from({ length: 20 }, () => ({ body: { stringValue: 'x' } })) }] }],
});
const points = [{ asInt: '1', timeUnixNano: '1' }];
const metrics = JSON.stringify({
	resourceMetrics: [{ resource: {}, scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: points } }] }] }],
});

test('the metrics account for every row', { timeout: 60_000 }, async () => {
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
	for (let round = 0; round < 20; round++) {
		await Promise.all([send('traces', spanRequest({ service: 'a', spans: 30 }).body), send('logs', logs), send('metrics', metrics)]);
		const sum = await sums(first.apiUrl);
		expect(sum('ingest_accepted_total')).toBe((round + 1) * 51);
		const { in: came, out } = balance(sum);
		expect(out).toBe(came);
	}
	first.kill('SIGKILL');
	await first.ended;

	const second = await startPlatform({ dataDir: join(folder, 'data'), env });
	try {
		await expect.poll(async () => (await sums(second.apiUrl))('buffer_rows'), { timeout: 10_000 }).toBe(0);
		const sum = await sums(second.apiUrl);
		expect(sum('buffer_recovered_rows_total')).toBeGreaterThan(0);
		expect(sum('store_rows_total')).toBe(sum('buffer_recovered_rows_total'));
	} finally {
		await second.stop();
	}
});
