/**
 * Hostile senders against the real platform: whatever they send, both processes stay below their ceilings and honest senders are served.
 *
 * The platform's own process: 512 MiB, and four times `otlp.inFlightBytesMax` (128 MiB): bodies, what is encoded of them, the open block, and
 * what the collector has not collected yet. The engine's: `storage.embedded.memoryBytesMax`, 1 GiB.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { spanRequest } from '../end-to-end/sending.ts';
import { children, residentBytes } from '../faults/processes.ts';
import { BOMBS, calls, connections, distinctKeys, largeRequest, nested, posts, type Target } from './attacks.ts';

const MiB = 1024 * 1024;
const PLATFORM_BYTES_MAX = 1024 * MiB;
const ENGINE_BYTES_MAX = 1024 * MiB;
const CONNECTIONS_MAX = 4_096;
const UNAVAILABLE = 14;

describe.skipIf(process.platform !== 'linux')('under attack', { timeout: 120_000 }, () => {
	const folder = mkdtempSync(join(tmpdir(), 'limits-'));
	let platform: Platform;
	let target: Target;
	let sampling: NodeJS.Timeout;
	const most = { platform: 0, engine: 0 };

	beforeAll(async () => {
		platform = await startPlatform({ dataDir: join(folder, 'data'), env: { THROUGHLINE_TELEMETRY_TRACES: 'false' } });
		target = { httpPort: Number(new URL(platform.otlpHttpUrl).port), grpcPort: Number(new URL(platform.otlpGrpcUrl).port) };
		sampling = setInterval(() => {
			most.platform = Math.max(most.platform, residentBytes(platform.pid));
			for (const { pid } of children(platform.pid, 'engine')) most.engine = Math.max(most.engine, residentBytes(pid));
		}, 20);
	});
	afterAll(async () => {
		clearInterval(sampling);
		await platform.stop();
		rmSync(folder, { recursive: true, force: true });
		console.log(`at most ${Math.round(most.platform / MiB)} MiB of the platform, ${Math.round(most.engine / MiB)} MiB of its engine`);
	});

	async function expectOrder(): Promise<void> {
		const body = Buffer.from(spanRequest({ service: 'honest', spans: 10 }).body);
		await expect
			.poll(() => posts(target, 1, () => body, { 'content-type': 'application/json' }), { timeout: 20_000 })
			.toEqual(new Map([[200, 1]]));
		expect(most.platform).toBeLessThan(PLATFORM_BYTES_MAX);
		expect(most.engine).toBeLessThan(ENGINE_BYTES_MAX);
	}

	test.each(Object.entries(BOMBS))('%s bombs that would become 512 MiB each, 24 at once', async (coding, bomb) => {
		const answers = await posts(target, 24, () => bomb, { 'content-encoding': coding });
		expect([...answers.keys()].filter((status) => status !== 413 && status !== 503)).toEqual([]);
		await expectOrder();
	});

	test('requests of 62 MiB, 5 at once: what fits is taken, the rest may come back', async () => {
		const large = largeRequest(62 * MiB);
		const http = await posts(target, 5, () => large);
		expect([...http.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([]);
		expect(http.get(200)).toBeGreaterThan(0);
		const grpc = await calls(target, 2, 3, () => large);
		expect([...grpc.keys()].filter((status) => status !== 0 && status !== UNAVAILABLE)).toEqual([]);
		await expectOrder();
	});

	test('values nested 2 000 deep, and JSON without end', async () => {
		expect([...(await posts(target, 4, () => nested(2_000))).keys()]).toEqual([200]);
		const endless = Buffer.from(`{"resourceSpans":${'['.repeat(5_000_000)}`);
		expect([...(await posts(target, 4, () => endless, { 'content-type': 'application/json' })).keys()]).toEqual([400]);
		await expectOrder();
	});

	test('400 000 attribute keys, span names and a service each time, none like another', async () => {
		for (let run = 0; run < 20; run++) expect([...(await posts(target, 1, () => distinctKeys(run, 200, 100))).keys()]).toEqual([200]);
		await expect
			.poll(async () => (await (await fetch(`${platform.apiUrl}/metrics`)).text()).includes('\nthroughline_buffer_segments 0\n'), {
				timeout: 60_000,
			})
			.toBe(true);
		await expectOrder();
	});

	test('10 000 connections that say nothing: the first 4 096 are kept, and only for some seconds', async () => {
		const silent = [await connections(target.httpPort, 10_000), await connections(target.grpcPort, 10_000)];
		await expect.poll(() => silent.every((open) => open.size <= CONNECTIONS_MAX), { timeout: 20_000 }).toBe(true);
		expect((await fetch(`${platform.apiUrl}/healthz`)).status).toBe(200);
		await expect.poll(() => silent.map((open) => open.size), { timeout: 40_000, interval: 200 }).toEqual([0, 0]);
		await expectOrder();
	});
});
