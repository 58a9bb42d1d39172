/** For tests and benchmarks: a real embedded engine in a folder of its own, with the schema applied. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TableSpec } from '../model/schema.ts';
import { Store } from './client.ts';
import { EmbeddedEngine, type EmbeddedEngineOptions, type EngineEvent } from './embedded/supervisor.ts';
import { migrate } from './schema/migrate.ts';

export interface EngineFixture extends AsyncDisposable {
	readonly dir: string;
	readonly engine: EmbeddedEngine;
	readonly store: Store;
	readonly events: readonly EngineEvent[];
}

export async function startFixture(options: Partial<EmbeddedEngineOptions> & { readonly schema?: boolean } = {}): Promise<EngineFixture> {
	const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'throughline-store-')));
	const events: EngineEvent[] = [];
	const engine = await EmbeddedEngine.start({ ...options, dir, onEvent: (event) => void events.push(event) });
	const store = new Store({ target: { kind: 'embedded', engine }, database: 'throughline' });
	if (options.schema ?? true) await migrate(store);
	return {
		dir,
		engine,
		store,
		events,
		async [Symbol.asyncDispose]() {
			await store[Symbol.asyncDispose]();
			await engine[Symbol.asyncDispose]();
			await rm(dir, { recursive: true, force: true });
		},
	};
}

/** The bytes of a statement's answer in the Native format. */
export async function nativeBytes(engine: EmbeddedEngine, sql: string): Promise<Uint8Array<ArrayBuffer>> {
	const endpoint = await engine.endpoint(10_000);
	const response = await fetch(`${endpoint.url}/?default_format=Native&max_result_bytes=0`, {
		method: 'POST',
		headers: { 'x-clickhouse-user': endpoint.username, 'x-clickhouse-key': endpoint.password },
		body: sql,
	});
	if (!response.ok) throw new Error(await response.text());
	return new Uint8Array(await response.arrayBuffer());
}

/** A SELECT of all the table's columns: `expressions` where given, else the type's default value. */
export function selectColumns(table: TableSpec, expressions: Readonly<Record<string, string>>, source: string): string {
	const columns = table.columns.map(({ name, type }) => {
		const expression = expressions[name];
		return expression === undefined ? `defaultValueOfTypeName('${type}') AS ${name}` : `CAST(${expression} AS ${type}) AS ${name}`;
	});
	return `SELECT ${columns.join(', ')} FROM ${source}`;
}

/**
 * Spans of made-up traces: eight to a trace, one trace a millisecond from `startSecond` on, so `count` spans cover `count / 8000`
 * seconds. Five services, fifty operations, a tenth errors; the first span of each trace is its root.
 */
export function madeUpSpans(count: number, startSecond: number, tracesPerSecond = 1000): MadeUp {
	const trace = 'intDiv(number, 8)';
	const startNs = `toInt64(${startSecond}) * 1000000000 + intDiv(${trace} * 1000000000, ${tracesPerSecond}) + (number % 8) * 1000000`;
	return {
		source: `numbers(${count})`,
		expressions: {
			hour: `toStartOfHour(fromUnixTimestamp64Nano(${startNs}))`,
			trace_id: `reinterpretAsFixedString(sipHash128(${startSecond}, ${trace}))`,
			span_id: `reinterpretAsFixedString(sipHash64(${startSecond}, number))`,
			parent_span_id: `if(number % 8 = 0, toFixedString('', 8), reinterpretAsFixedString(sipHash64(${startSecond}, toUInt64(number - number % 8))))`,
			service_name: `concat('service-', toString(if(number % 8 < 3, 0, 1 + sipHash64(number) % 4)))`,
			name: `concat('operation-', toString(sipHash64(number) % 50))`,
			kind: '1 + number % 3',
			start_time: `fromUnixTimestamp64Nano(${startNs})`,
			duration_ns: '1000 + sipHash64(number, 1) % 100000000',
			status_code: 'if(sipHash64(number, 2) % 10 = 0, 2, 0)',
			attributes:
				"map('http.request.method', 'GET', 'url.path', concat('/path/', toString(sipHash64(number, 3) % 1000)), 'http.response.status_code', '200', 'user.id', toString(sipHash64(number, 4)), 'server.address', 'shop.example.com', 'network.protocol.version', '1.1')",
			attribute_types: "'ihttp.response.status_code\\n'",
			resource: `concat('{"attributes":{"service.name":"service-', toString(sipHash64(number) % 5), '","telemetry.sdk.language":"go","host.name":"host-1"}}')`,
			scope: `'{"name":"example","version":"1.0.0"}'`,
		},
	};
}

export interface MadeUp {
	readonly expressions: Readonly<Record<string, string>>;
	readonly source: string;
}
