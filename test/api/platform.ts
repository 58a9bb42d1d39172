/** The API over the real engine in a temporary folder, fed with OTLP through the real decoder and loader. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiApp, ApiOptions } from '../../src/api/context.ts';
import { Block } from '../../src/model/block.ts';
import { encodeNative } from '../../src/model/native.ts';
import { LOGS, SPANS, type TableSpec } from '../../src/model/schema.ts';
import { decode } from '../../src/otlp/decode.ts';
import { Store } from '../../src/store/client.ts';
import { EmbeddedEngine } from '../../src/store/embedded/supervisor.ts';
import { load } from '../../src/store/load.ts';
import { migrate } from '../../src/store/schema/migrate.ts';
import { buildFake } from './fake-engine.ts';

export interface TestPlatform extends AsyncDisposable {
	readonly app: ApiApp;
	readonly store: Store;
	readonly engine: EmbeddedEngine;
	/** Stores an `ExportTraceServiceRequest` in OTLP JSON; it is searchable when the promise resolves. */
	ingestTraces(request: object): Promise<void>;
	ingestLogs(request: object): Promise<void>;
	/** The JSON of an answer that must be 200. */
	get<T>(url: string): Promise<T>;
	/** Another app over the same store. */
	build(over: Partial<ApiOptions>): Promise<ApiApp>;
}

export async function startTestPlatform(options: { readonly waitForEngineMs?: number } = {}): Promise<TestPlatform> {
	const dir = mkdtempSync(join(tmpdir(), 'throughline-api-'));
	const engine = await EmbeddedEngine.start({ dir: join(dir, 'engine'), sessions: 3 });
	const store = new Store({ target: { kind: 'embedded', engine }, database: 'throughline', ...options });
	await migrate(store);
	const app = await buildFake({ engine: store, queryTimeoutMs: 30_000 });
	let segment = 0;
	const ingest = async (table: TableSpec, request: object) => {
		const block = new Block(table.columns);
		const { accepted, rejected, message } = decode(table.signal, Buffer.from(JSON.stringify(request)), 'json', block, Date.now());
		if (rejected > 0 || accepted === 0) throw new Error(`accepted ${accepted}, rejected ${rejected}: ${message}`);
		await load(store, table, [encodeNative(block)], `segment-${++segment}`);
	};
	return {
		app,
		store,
		engine,
		ingestTraces: (request) => ingest(SPANS, request),
		ingestLogs: (request) => ingest(LOGS, request),
		async get<T>(url: string): Promise<T> {
			const answer = await app.inject(url);
			if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${answer.body}`);
			return answer.json<T>();
		},
		build: (over) => buildFake({ engine: store, queryTimeoutMs: 30_000, ...over }),
		async [Symbol.asyncDispose]() {
			await app.close();
			await store[Symbol.asyncDispose]();
			await engine[Symbol.asyncDispose]();
			rmSync(dir, { recursive: true, force: true });
		},
	};
}
