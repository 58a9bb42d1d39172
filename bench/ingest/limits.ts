/** What the machine itself asks for the same spans: the floor beside each stage. All in microseconds of CPU a span. */

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Block } from '../../src/model/block.ts';
import { encodeNative } from '../../src/model/native.ts';
import { SPANS, type TableSpec } from '../../src/model/schema.ts';
import { createDecoder } from '../../src/otlp/decode.ts';
import { startFixture } from '../../src/store/engine-fixture.ts';
import { load } from '../../src/store/load.ts';
import { traceRequests } from '../decode/requests.ts';
import { spent, threadCpu } from './processes.ts';

export interface Limits {
	/** Reading the request's bytes once, as memcmp does. */
	readonly memory_scan_us: number;
	/** Decode and encode alone, on a quiet thread. */
	readonly decode_encode_us: number;
	/** Writing the Native bytes and one fdatasync for 4 MiB; wall time beside it, as a disk works without the CPU. */
	readonly disk_write_us: number;
	readonly disk_write_wall_us: number;
	/** The engine reading the same Native file into a table without sorting, indexes or views; and into the live tier with all of them. */
	readonly plain_insert_us: number;
	readonly live_insert_us: number;
	readonly native_bytes_per_span: number;
}

const REQUESTS = 192;
const SPANS_PER_REQUEST = 512;
const COUNT = REQUESTS * SPANS_PER_REQUEST;
const ROUNDS = 5;
const WRITE_BYTES = 4 * 1024 * 1024;

export async function measureLimits(): Promise<Limits> {
	const requests = traceRequests(REQUESTS, SPANS_PER_REQUEST, 1);
	const bytes = Buffer.concat(requests);
	const copy = Buffer.from(bytes);
	const scan = best(() => void bytes.equals(copy)) / 2; // It reads both.
	const block = new Block(SPANS.columns);
	const decoder = createDecoder('traces', block);
	let native = new Uint8Array();
	const decode = best(() => {
		block.reset();
		for (const body of requests) decoder.decode(body, 'protobuf', Date.now());
		native = encodeNative(block);
	});
	const folder = mkdtempSync(join(tmpdir(), 'throughline-limits-'));
	const began = performance.now();
	const write = best(() => writeAndSync(join(folder, 'segment'), native));
	const writeWallMs = (performance.now() - began) / ROUNDS;
	rmSync(folder, { recursive: true });
	const { plain, live } = await inserts(native);
	return {
		memory_scan_us: scan / COUNT,
		decode_encode_us: decode / COUNT,
		disk_write_us: write / COUNT,
		disk_write_wall_us: (writeWallMs * 1000) / COUNT,
		plain_insert_us: plain / COUNT,
		live_insert_us: live / COUNT,
		native_bytes_per_span: native.length / COUNT,
	};
}

/** The cheapest of some rounds, microseconds of CPU: what disturbs only adds. */
function best(action: () => void): number {
	let least = Number.POSITIVE_INFINITY;
	for (let round = 0; round < ROUNDS; round++) {
		const before = process.cpuUsage();
		action();
		const { user, system } = process.cpuUsage(before);
		least = Math.min(least, user + system);
	}
	return least;
}

function writeAndSync(path: string, bytes: Uint8Array): void {
	const file = openSync(path, 'w');
	for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
		writeSync(file, bytes, at, Math.min(WRITE_BYTES, bytes.length - at));
		fdatasyncSync(file);
	}
	closeSync(file);
}

async function inserts(native: Uint8Array): Promise<{ plain: number; live: number }> {
	await using fixture = await startFixture();
	const { store, engine } = fixture;
	await store.command('SYSTEM STOP MERGES');
	await store.command('CREATE TABLE plain AS spans_live ENGINE = MergeTree ORDER BY tuple()');
	await store.command('ALTER TABLE plain DROP INDEX trace_id_bloom, DROP INDEX start_time_minmax, DROP INDEX link_trace_ids_bloom');
	const engineCpu = () => threadCpu(engine.pid ?? 0);
	let [plain, live] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
	for (let round = 0; round < ROUNDS; round++) {
		const start = engineCpu();
		await load(store, { ...SPANS, table: 'plain' } as unknown as TableSpec, [native], `plain-${round}`);
		const middle = engineCpu();
		await load(store, SPANS, [native], `live-${round}`);
		plain = Math.min(plain, spent(start, middle));
		live = Math.min(live, spent(middle, engineCpu()));
	}
	return { plain, live };
}
