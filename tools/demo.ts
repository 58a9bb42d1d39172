/**
 * `make demo`: the platform and the shop with traffic, from a fresh clone to a trace on the screen. Prints `ready <url>`; Ctrl-C
 * ends everything it started. Where Go or Rust is missing it says so and replays telemetry recorded from the shop.
 */

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startShop } from '../examples/shop/shop.ts';
import { replay } from './replay.ts';
import { type Platform, startPlatform } from './run/platform.ts';
import { buildShop, missingTools } from './shop-build.ts';

const dataDir = resolve(process.env.THROUGHLINE_DATA_DIR ?? '.throughline/demo');
const logDir = `${dataDir}-logs`;
const stops: (() => Promise<void>)[] = [];
const stopBuilding = new AbortController();
let ending: Promise<void> | undefined;

function end(code: number): Promise<void> {
	ending ??= (async () => {
		console.log('\nending: traffic, shop, platform (data stays in', `${dataDir})`);
		stopBuilding.abort();
		for (const stop of stops.toReversed()) await stop();
		process.exit(code);
	})();
	return ending;
}

/** Whatever begins to start is stopped at the end, also when the end comes before it is there; then nothing more begins. */
function start<T extends { stop(): Promise<void> }>(begin: () => Promise<T>): Promise<T> {
	if (ending !== undefined) throw new Error('it is ending');
	const part = begin();
	stops.push(() =>
		part.then(
			(started) => started.stop(),
			() => {},
		),
	);
	return part;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
	process.on(signal, () => {
		void end(0);
	});

function port(variable: string, fallback: number): number {
	return Number(process.env[variable] ?? fallback);
}

async function traffic(platform: Platform): Promise<string> {
	const missing = missingTools();
	if (missing.length > 0) {
		console.log(`missing: ${missing.join(' and ')}. The shop cannot be built here; replaying telemetry recorded from it instead.`);
		stops.push(replay(platform.otlpHttpUrl));
		return 'recorded telemetry, shifted to now';
	}
	const shop = await start(() => startShop({ otlpHttpUrl: platform.otlpHttpUrl, logDir, progress: (line) => console.log(line) }));
	await shop.load('steady', Number(process.env.SHOP_RATE ?? 10));
	for (const running of shop.processes)
		void running.ended.then(({ code }) => {
			if (ending === undefined) console.log(`warning: ${running.name} ended with code ${code}; see ${join(logDir, `${running.name}.log`)}`);
		});
	return `the shop's gateway is ${shop.gatewayUrl}; break it with: curl -d '{"fault":"slow_query","on":true}' ${shop.gatewayUrl}/chaos`;
}

async function main(): Promise<void> {
	mkdirSync(logDir, { recursive: true });
	if (missingTools().length === 0) await buildShop({ tests: false, signal: stopBuilding.signal });
	console.log('starting platform');
	const platform = await start(() =>
		startPlatform({
			dataDir,
			apiPort: port('THROUGHLINE_API_PORT', 4380),
			otlpGrpcPort: port('THROUGHLINE_OTLP_GRPC_PORT', 4317),
			otlpHttpPort: port('THROUGHLINE_OTLP_HTTP_PORT', 4318),
			logFile: join(logDir, 'platform.log'),
		}),
	);
	void platform.ended.then(() => {
		if (ending === undefined) {
			console.log(`the platform ended; see ${join(logDir, 'platform.log')}`);
			void end(1);
		}
	});
	const source = await traffic(platform);
	console.log(`
ready ${platform.apiUrl}

  Look at first   ${platform.apiUrl}/explore?service=gateway   one checkout is one trace through Go and Rust: HTTP, gRPC, SQL, NATS
  Services        ${platform.apiUrl}/                          rate, errors, latency
  API             ${platform.apiUrl}/api/openapi.json
  OTLP            ${platform.otlpGrpcUrl} (gRPC), ${platform.otlpHttpUrl} (HTTP)
  Traffic         ${source}
  Logs            ${logDir}

Ctrl-C ends everything.`);
}

try {
	await main();
} catch (error) {
	if (ending === undefined) {
		console.error(`demo: ${(error as Error).message}`);
		await end(1);
	}
}
