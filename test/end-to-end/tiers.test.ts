/**
 * The platform rolling hours over every second, while spans of past hours keep coming in and the engine and the platform are killed:
 * a trace that was once seen whole is seen whole ever after, and nothing is there twice.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { TraceResponse } from '../../src/api/contract.ts';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { killEngine } from './kill-engine.ts';
import { type SpanRequest, spanRequest } from './sending.ts';

const HOUR_MS = 3_600_000;
const SPANS = 150;
/** Every one an hour that is over already; some are met again after they have been rolled over, so that their spans are late. */
const HOURS_AGO = [2, 5, 2, 30, 5, 2, 100, 2];

const folder = mkdtempSync(join(tmpdir(), 'tiers-'));
let platform: Platform | undefined;
afterAll(async () => {
	await platform?.stop();
	rmSync(folder, { recursive: true, force: true });
});

async function spanIds(traceId: string): Promise<readonly string[] | undefined> {
	try {
		const answer = await fetch(`${platform?.apiUrl}/api/v1/traces/${traceId}`, { signal: AbortSignal.timeout(20_000) });
		return answer.ok ? ((await answer.json()) as TraceResponse).columns.spanId : undefined;
	} catch {
		return undefined;
	}
}

async function rolledRows(): Promise<number> {
	const text = await fetch(`${platform?.apiUrl}/metrics`).then((answer) => answer.text());
	return Number(/^throughline_tiers_rolled_rows_total\{table="spans"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

test('what is acknowledged stays visible once, through roll-overs, late spans and kills', { timeout: 180_000 }, async () => {
	const options = {
		dataDir: join(folder, 'data'),
		env: {
			THROUGHLINE_STORAGE_LIVE_HOURS: '0',
			THROUGHLINE_STORAGE_JOB_EVERY_SECONDS: '1',
			THROUGHLINE_TELEMETRY_TRACES: 'false',
		},
	};
	platform = await startPlatform(options);
	const sent: SpanRequest[] = [];
	const wrong: string[] = [];
	/** Waits until the trace is whole, which the loader takes a moment for, then remembers it. */
	const send = async (request: SpanRequest): Promise<void> => {
		const answer = await fetch(`${platform?.otlpHttpUrl}/v1/traces`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: request.body,
		});
		expect(answer.status).toBe(200);
		await expect.poll(async () => (await spanIds(request.traceId))?.length, { timeout: 60_000 }).toBe(SPANS);
		sent.push(request);
	};
	const lookAtAll = async (): Promise<void> => {
		for (const request of sent) {
			const ids = await spanIds(request.traceId);
			if (ids === undefined) continue;
			if (ids.length !== SPANS || request.spanIds.some((id) => !ids.includes(id))) wrong.push(`${request.traceId}: ${ids.length}`);
		}
	};
	for (const [index, hours] of HOURS_AGO.entries()) {
		await send(spanRequest({ service: 'tiers', spans: SPANS, agoMs: hours * HOUR_MS }));
		await lookAtAll();
		if (index % 3 === 1) expect(killEngine(platform.pid)).toBe(1);
		await lookAtAll();
		if (index === 4) {
			platform.kill('SIGKILL');
			await platform.ended;
			platform = await startPlatform(options);
		}
	}
	const afterRestart = HOURS_AGO.slice(5).length * SPANS;
	await expect.poll(async () => await rolledRows(), { timeout: 60_000 }).toBeGreaterThanOrEqual(afterRestart);
	await lookAtAll();
	expect(wrong).toEqual([]);
	expect(sent).toHaveLength(HOURS_AGO.length);
});
