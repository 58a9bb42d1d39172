/**
 * `storage.clickhouse.url`: a platform that keeps its telemetry in a server it was given the address, user and password of. The
 * server is the embedded engine's own process, which speaks ClickHouse's HTTP protocol and asks for a password.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StatusResponse, TraceResponse } from '../../src/api/contract.ts';
import { EmbeddedEngine } from '../../src/store/embedded/supervisor.ts';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { spanRequest } from './sending.ts';

const folder = mkdtempSync(join(tmpdir(), 'clickhouse-server-'));
let server: EmbeddedEngine;
let platform: Platform;

beforeAll(async () => {
	server = await EmbeddedEngine.start({ dir: join(folder, 'server') });
	platform = await startPlatform({ dataDir: join(folder, 'data'), env: await address() });
});

afterAll(async () => {
	await platform?.stop();
	await server?.[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true, force: true });
});

async function address(): Promise<Record<string, string>> {
	const { url, username, password } = await server.endpoint(10_000);
	return {
		THROUGHLINE_STORAGE_CLICKHOUSE_URL: url,
		THROUGHLINE_STORAGE_CLICKHOUSE_USERNAME: username,
		THROUGHLINE_STORAGE_CLICKHOUSE_PASSWORD: password,
		THROUGHLINE_STORAGE_CLICKHOUSE_DATABASE: 'telemetry_of_ours',
	};
}

async function get<T>(path: string): Promise<T> {
	return (await (await fetch(`${platform.apiUrl}${path}`)).json()) as T;
}

test('migrates the server, stores there and reads from there', async () => {
	const request = spanRequest({ service: 'served', spans: 50 });
	const sent = await fetch(`${platform.otlpHttpUrl}/v1/traces`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: request.body,
	});
	expect(sent.status).toBe(200);
	await expect
		.poll(async () => (await get<Partial<TraceResponse>>(`/api/v1/traces/${request.traceId}`)).spanCount, { timeout: 10_000 })
		.toBe(50);
	expect(await get<StatusResponse>('/api/v1/status')).toMatchObject({ engine: 'clickhouse', hasData: true });
});

test('a server that went away is told by the probe, and its return is noticed', async () => {
	const pid = server.pid ?? 0;
	process.kill(pid, 'SIGSTOP');
	try {
		const answer = await fetch(`${platform.apiUrl}/readyz`);
		expect(answer.status).toBe(503);
		expect(await answer.json()).toMatchObject({ reasons: [expect.stringMatching(/database/)] });
	} finally {
		process.kill(pid, 'SIGCONT');
	}
	await expect.poll(async () => (await fetch(`${platform.apiUrl}/readyz`)).status, { timeout: 15_000 }).toBe(200);
});

test('a wrong password ends the start with the setting to look at, and no password reaches the log', async () => {
	const env = { ...(await address()), THROUGHLINE_STORAGE_CLICKHOUSE_PASSWORD: 'hunter2' };
	const logFile = join(folder, 'wrong.log');
	await expect(startPlatform({ dataDir: join(folder, 'wrong'), env, logFile })).rejects.toThrow(
		/storage\.clickhouse\.username and password/,
	);
	const { password } = await server.endpoint(10_000);
	for (const file of [logFile, `${join(folder, 'data')}.log`]) {
		const log = readFileSync(file, 'utf8');
		expect(log).not.toContain('hunter2');
		expect(log).not.toContain(password);
	}
});
