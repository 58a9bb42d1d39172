/**
 * Makes `examples/shop/recording.jsonl.gz`: runs the shop against a receiver that writes down every OTLP request as JSON. Run it when
 * the shop or the kits change what they send: `node tools/record.ts`.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { startShop } from '../examples/shop/shop.ts';
import { decodeReference } from '../test/end-to-end/reference.ts';
import { RECORDING } from './replay.ts';
import { buildShop } from './shop-build.ts';

const SECONDS = 20;
const RATE_PER_SECOND = 4;

const lines: string[] = [];
let startedMs = 0;

const receiver = createServer((request, response) => {
	const chunks: Buffer[] = [];
	request.on('data', (chunk: Buffer) => chunks.push(chunk));
	request.on('end', () => {
		const raw = Buffer.concat(chunks);
		const signal = (request.url ?? '').split('/').at(-1) as 'traces' | 'logs' | 'metrics';
		const body = decodeReference({
			signal,
			encoding: 'protobuf',
			body: request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw,
		});
		if (startedMs > 0) lines.push(JSON.stringify({ signal, offsetMs: Date.now() - startedMs, body }));
		response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
	});
});
await new Promise<void>((settle) => receiver.listen(0, '127.0.0.1', settle));
const { port } = receiver.address() as { port: number };

await buildShop({ tests: false });
const logDir = mkdtempSync(join(tmpdir(), 'record-'));
const shop = await startShop({ otlpHttpUrl: `http://127.0.0.1:${port}`, logDir, progress: (line) => console.log(line) });
startedMs = Date.now();
const load = await shop.load('steady', RATE_PER_SECOND);
console.log(`recording ${SECONDS} s`);
await new Promise((settle) => setTimeout(settle, SECONDS * 1000));
await load.stop();
await new Promise((settle) => setTimeout(settle, 2500));
await shop.stop();
receiver.closeAllConnections();
receiver.close();
rmSync(logDir, { recursive: true, force: true });

const text = `${JSON.stringify({ startedMs })}\n${lines.join('\n')}\n`;
const packed = gzipSync(text, { level: 9 });
writeFileSync(RECORDING, packed);
console.log(`${RECORDING}: ${lines.length} requests, ${(packed.length / 1024).toFixed(0)} KiB`);
