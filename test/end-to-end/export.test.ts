/** `throughline export`: what one platform stored is what another gets, and what a file holds is what came in. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { canonicalRecords } from '../otlp/canonical.ts';
import { decodeReference } from './reference.ts';

const main = resolve(import.meta.dirname, '../../src/cli/main.ts');
const SIGNALS = ['traces', 'logs', 'metrics'] as const;

async function throughline(...args: string[]): Promise<{ stdout: string; stderr: string }> {
	return promisify(execFile)(process.execPath, [main, 'export', ...args], { timeout: 60_000, maxBuffer: 64 << 20 });
}

function records(lines: string): string[] {
	return lines
		.split('\n')
		.filter((line) => line !== '')
		.flatMap((line) => {
			const request = JSON.parse(line) as Record<string, unknown>;
			const signal = SIGNALS.find((one) => `resource${one === 'traces' ? 'Spans' : one === 'logs' ? 'Logs' : 'Metrics'}` in request);
			return signal === undefined ? [] : canonicalRecords(signal, request);
		})
		.toSorted();
}

describe('throughline export', () => {
	const folder = mkdtempSync(join(tmpdir(), 'export-'));
	const platforms: Platform[] = [];

	beforeAll(async () => {
		for (const name of ['from', 'to'])
			platforms.push(await startPlatform({ dataDir: join(folder, name), env: { THROUGHLINE_TELEMETRY_TRACES: 'false' } }));
	});

	afterAll(async () => {
		for (const platform of platforms) await platform.stop();
		rmSync(folder, { recursive: true, force: true });
	});

	test('to a file and to another platform', async () => {
		const [from, to] = platforms;
		if (from === undefined || to === undefined) throw new Error('two platforms are running');
		const sent: string[] = [];
		for (const signal of SIGNALS) {
			const body = readFileSync(join(import.meta.dirname, `payloads/${signal}.json`), 'utf8');
			sent.push(...canonicalRecords(signal, decodeReference({ signal, encoding: 'json', body: Buffer.from(body) })));
			const answer = await fetch(`${from.otlpHttpUrl}/v1/${signal}`, {
				method: 'POST',
				headers: { 'content-type': 'application/json' },
				body,
			});
			expect(answer.status).toBe(200);
		}
		const wanted = sent.toSorted();
		const file = join(folder, 'out.jsonl');
		await expect
			.poll(
				async () => {
					await throughline('--otlp', '--url', from.apiUrl, '--from', '0', '-o', file);
					return records(readFileSync(file, 'utf8'));
				},
				{ timeout: 30_000, interval: 500 },
			)
			.toEqual(wanted);
		await throughline('--url', from.apiUrl, '--from', '0', '--send-to', to.otlpHttpUrl);
		await expect
			.poll(async () => records((await throughline('--url', to.apiUrl, '--from', '0')).stdout), { timeout: 30_000, interval: 500 })
			.toEqual(wanted);
	});

	test('mistakes are said with their cure', async () => {
		await expect(throughline('spans')).rejects.toThrow(/'spans' is no signal[\s\S]*traces, logs, metrics/);
		await expect(throughline('--url', 'http://127.0.0.1:1')).rejects.toThrow(/cannot reach http:\/\/127\.0\.0\.1:1[\s\S]*--url/);
		await expect(throughline('--url', platforms[0]?.apiUrl ?? '', '--from', 'yesterday')).rejects.toThrow(/answers 400/);
	});
});
