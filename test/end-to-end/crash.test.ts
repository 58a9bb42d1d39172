/** kill -9 of the engine and of the platform during load: every acknowledged span is there afterwards, exactly once. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ServicesResponse, TraceResponse, TraceSearchResponse } from '../../src/api/contract.ts';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { missing as missingRows, readAccounts } from './accounts.ts';
import { killEngine } from './kill-engine.ts';
import { spanRequest } from './sending.ts';

const SPANS_PER_TRACE = 200;

describe('crashes under load', () => {
	const folder = mkdtempSync(join(tmpdir(), 'crash-'));
	let platform: Platform | undefined;

	afterAll(async () => {
		await platform?.stop();
		rmSync(folder, { recursive: true, force: true });
	});

	test('every acknowledged span is stored exactly once', { timeout: 180_000 }, async () => {
		platform = await startPlatform({ dataDir: join(folder, 'data') });
		const ports = [platform.apiUrl, platform.otlpGrpcUrl, platform.otlpHttpUrl].map((url) => Number(new URL(url).port));
		const [apiPort = 0, otlpGrpcPort = 0, otlpHttpPort = 0] = ports;
		const sender = new CountingSender(platform.otlpHttpUrl);
		const sending = Promise.all([sender.run(), sender.run(), sender.run()]);
		let kills = 0;
		for (const victim of ['engine', 'platform', 'engine', 'engine', 'platform', 'platform', 'engine'] as const) {
			await pause(700 + Math.random() * 1200);
			if (victim === 'engine') kills += killEngine(platform.pid);
			else {
				platform.kill('SIGKILL');
				await platform.ended;
				kills++;
				platform = await startPlatform({ dataDir: join(folder, 'data'), apiPort, otlpGrpcPort, otlpHttpPort });
			}
		}
		await pause(1000);
		sender.stop();
		await sending;
		expect(kills).toBe(7);
		expect(sender.acknowledged.size).toBeGreaterThan(20);
		await drained(platform.apiUrl);
		const { missing, duplicated } = await compare(platform.apiUrl, sender.acknowledged);
		console.log(
			`${sender.acknowledged.size * SPANS_PER_TRACE} spans acknowledged, ${sender.refused} requests refused, ${kills} kills: ${missing} missing, ${duplicated} duplicated`,
		);
		expect({ missing, duplicated }).toEqual({ missing: 0, duplicated: 0 });
		const account = (await readAccounts(platform.apiUrl)).traces;
		expect({ ...account, missing: missingRows(account) }).toMatchObject({ missing: 0, dropped: {} });
	});

	test('summaries and rollups counted each span once too', async () => {
		const url = platform?.apiUrl ?? '';
		const services = (await (await fetch(`${url}/api/v1/services`)).json()) as ServicesResponse;
		let traces = 0;
		let cursor = '';
		do {
			const page = (await (await fetch(`${url}/api/v1/traces?service=crash&limit=500${cursor}`)).json()) as TraceSearchResponse;
			for (const trace of page.traces) expect(trace.spanCount).toBe(SPANS_PER_TRACE);
			traces += page.traces.length;
			cursor = page.nextCursor === null ? '' : `&cursor=${encodeURIComponent(page.nextCursor)}`;
		} while (cursor !== '');
		expect(services.services.find(({ service }) => service === 'crash')?.calls).toBe(traces);
	});
});

/** Sends traces one after the other and remembers those that were acknowledged. */
class CountingSender {
	readonly acknowledged = new Map<string, readonly string[]>();
	refused = 0;
	private stopped = false;
	private readonly url: string;

	constructor(otlpHttpUrl: string) {
		this.url = `${otlpHttpUrl}/v1/traces`;
	}

	async run(): Promise<void> {
		while (!this.stopped) {
			const request = spanRequest({ service: 'crash', spans: SPANS_PER_TRACE });
			try {
				const answer = await fetch(this.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: request.body });
				if (answer.status === 200) this.acknowledged.set(request.traceId, request.spanIds);
				else this.refused++;
				await answer.arrayBuffer();
			} catch {
				this.refused++;
				await pause(50);
			}
		}
	}

	stop(): void {
		this.stopped = true;
	}
}

async function drained(apiUrl: string): Promise<void> {
	for (let attempt = 0; attempt < 600; attempt++) {
		const answer = await fetch(`${apiUrl}/api/v1/status`);
		if (answer.ok && ((await answer.json()) as { buffer: { segments: number } }).buffer.segments === 0) return;
		await pause(100);
	}
	throw new Error('the buffer was not loaded within 60 s');
}

/** As many as the embedded engine answers at once. */
const READERS = 4;

async function compare(
	apiUrl: string,
	acknowledged: ReadonlyMap<string, readonly string[]>,
): Promise<{ missing: number; duplicated: number }> {
	let missing = 0;
	let duplicated = 0;
	const traces = [...acknowledged];
	const take = async (): Promise<void> => {
		for (let next = traces.pop(); next !== undefined; next = traces.pop()) {
			const [traceId, spanIds] = next;
			const answer = await fetch(`${apiUrl}/api/v1/traces/${traceId}`);
			const stored = answer.ok ? ((await answer.json()) as TraceResponse).columns.spanId : [];
			const unique = new Set(stored);
			missing += spanIds.filter((id) => !unique.has(id)).length;
			duplicated += stored.length - unique.size;
		}
	};
	await Promise.all(Array.from({ length: READERS }, take));
	return { missing, duplicated };
}

function pause(ms: number): Promise<void> {
	return new Promise((settle) => setTimeout(settle, ms));
}
