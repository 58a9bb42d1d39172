/** An engine that stands still: first the disk absorbs, then senders are told when to come back, and once it goes on all is well by itself. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import type { ServicesResponse } from '../../src/api/contract.ts';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { children } from '../faults/processes.ts';
import { encodeRequest } from '../otlp/reference.ts';
import { spanRequest } from './sending.ts';

const SPANS = 500;
const REQUESTS_MAX = 2_000;
const ACK_MS_MAX = 5_000;

const folder = mkdtempSync(join(tmpdir(), 'overload-'));
let platform: Platform | undefined;
afterAll(async () => {
	for (const { pid } of platform === undefined ? [] : children(platform.pid, 'engine')) process.kill(pid, 'SIGCONT');
	await platform?.stop();
	rmSync(folder, { recursive: true, force: true });
});

test('absorbs on disk, then refuses with a delay, and recovers by itself', async () => {
	platform = await startPlatform({
		dataDir: join(folder, 'data'),
		env: {
			THROUGHLINE_TELEMETRY_TRACES: 'false',
			THROUGHLINE_BUFFER_BYTES_MAX: String(4 * 1024 * 1024),
			THROUGHLINE_BUFFER_SEGMENT_BYTES_MAX: String(1024 * 1024),
		},
	});
	const { otlpHttpUrl, otlpGrpcUrl, apiUrl } = platform;
	let acknowledged = 0;
	let slowestMs = 0;
	const send = async (): Promise<Response> => {
		const { body } = spanRequest({ service: 'load', spans: SPANS });
		const sentMs = performance.now();
		const answer = await fetch(`${otlpHttpUrl}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
		if (answer.status === 200) {
			acknowledged += SPANS;
			slowestMs = Math.max(slowestMs, performance.now() - sentMs);
		}
		return answer;
	};
	const [engine] = children(platform.pid, 'engine');
	process.kill(engine?.pid ?? 0, 'SIGSTOP');
	let refusal = await send();
	for (let sent = 1; refusal.status === 200 && sent < REQUESTS_MAX; sent++) refusal = await send();
	// Megabytes were taken although nobody loaded them.
	expect(acknowledged).toBeGreaterThan(10 * SPANS);
	expect(refusal.status).toBe(503);
	expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
	expect(await refusal.json()).toMatchObject({ code: 14, message: expect.stringMatching(/buffer is full/) });

	const client = new Client(new URL(otlpGrpcUrl).host, credentials.createInsecure());
	const span = {
		traceId: Buffer.alloc(16, 1),
		spanId: Buffer.alloc(8, 1),
		attributes: [{ key: 'k', value: { stringValue: 'x'.repeat(500_000) } }],
	};
	const message = Buffer.from(encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }));
	const error = await new Promise<ServiceError | null>((settle) => {
		const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
		client.makeUnaryRequest<Buffer, Buffer>(
			path,
			(bytes) => bytes,
			(bytes) => bytes,
			message,
			(failure) => settle(failure),
		);
	});
	client.close();
	expect(error?.code).toBe(14);
	const details = error?.metadata.get('grpc-status-details-bin')[0];
	expect(details instanceof Buffer && details.includes('google.rpc.RetryInfo')).toBe(true);

	// What is taken is taken quickly, however long the engine has stood still; what is refused is refused quickly.
	for (let sent = 0; sent < 20; sent++) await send();
	expect(slowestMs).toBeLessThan(ACK_MS_MAX);

	process.kill(engine?.pid ?? 0, 'SIGCONT');
	await expect.poll(async () => (await send()).status, { timeout: 60_000 }).toBe(200);
	const calls = async (): Promise<number | undefined> => {
		const { services } = (await (await fetch(`${apiUrl}/api/v1/services`)).json()) as ServicesResponse;
		return services.find(({ service }) => service === 'load')?.calls;
	};
	// The calls of a service are its roots: one for each request.
	await expect.poll(async () => ((await calls()) ?? 0) * SPANS, { timeout: 60_000 }).toBe(acknowledged);
});
