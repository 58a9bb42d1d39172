/**
 * The OpenTelemetry Collector's own exporters: what they put on the wire is what the platform gives back. The Collector is built by its
 * builder (`make senders-collector`), which takes minutes, so without it these are skipped.
 */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { run } from '../../tools/run/process.ts';
import { compareSent } from './compare.ts';
import { sendFromJavaScript } from './javascript-sender.ts';
import { startTee, type Tee } from './tee.ts';

const collector = resolve(import.meta.dirname, '../../target/senders-collector/otelcol/otelcol');

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
	const { port } = server.address() as { port: number };
	await new Promise((settle) => server.close(settle));
	return port;
}

function configuration(port: number, exporter: string, settings: object): string {
	const pipeline = { receivers: ['otlp'], exporters: [exporter] };
	return JSON.stringify({
		receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
		exporters: { [exporter]: settings },
		service: { telemetry: { metrics: { level: 'none' } }, pipelines: { traces: pipeline, logs: pipeline, metrics: pipeline } },
	});
}

describe.skipIf(!existsSync(collector))("the Collector's exporters", () => {
	const folder = mkdtempSync(join(tmpdir(), 'collector-'));
	let platform: Platform;
	let tee: Tee;

	beforeAll(async () => {
		platform = await startPlatform({ dataDir: join(folder, 'data'), env: { THROUGHLINE_TELEMETRY_TRACES: 'false' } });
		tee = await startTee(platform);
	});

	afterAll(async () => {
		await tee?.stop();
		await platform?.stop();
		rmSync(folder, { recursive: true, force: true });
	});

	test.each([
		['otlp_http', 'proto', 'none'],
		['otlp_http', 'proto', 'gzip'],
		['otlp_http', 'proto', 'zstd'],
		['otlp_http', 'proto', 'zlib'],
		['otlp_http', 'json', 'gzip'],
		['otlp_grpc', 'proto', 'none'],
		['otlp_grpc', 'proto', 'gzip'],
	])('%s, %s, %s', async (exporter, encoding, compression) => {
		const port = await freePort();
		const file = join(folder, `${exporter}-${encoding}-${compression}.json`);
		const settings =
			exporter === 'otlp_http'
				? { endpoint: tee.httpUrl, encoding, compression }
				: { endpoint: new URL(tee.grpcUrl).host, tls: { insecure: true }, compression };
		writeFileSync(file, configuration(port, exporter, settings));
		const captured = await compareSent({ platform, tee }, async () => {
			const running = await run({
				name: 'collector',
				command: collector,
				args: ['--config', file],
				logFile: `${file}.log`,
				ready: /Everything is ready/,
			});
			await sendFromJavaScript({ protocol: 'http/protobuf', compression: 'none', endpoint: `http://127.0.0.1:${port}` });
			// It exports what it holds before it ends.
			await running.stop();
		});
		expect(captured.map(({ encoding: seen }) => seen)).toContain(encoding === 'json' ? 'json' : 'protobuf');
		if (exporter === 'otlp_http') expect(captured.every(({ compressed }) => compressed === (compression !== 'none'))).toBe(true);
	});
});
