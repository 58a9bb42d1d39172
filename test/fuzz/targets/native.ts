/**
 * The Native encoder against the engine: blocks made of requests by chance go through the real engine and come back equal. An input is
 * four bytes, the seed of one such block; each costs a process, so this target takes few of them.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Block } from '../../../src/model/block.ts';
import { decodeNative, encodeNative } from '../../../src/model/native.ts';
import { TABLES, type TableSpec } from '../../../src/model/schema.ts';
import { REQUESTS } from '../../otlp/arbitrary.ts';
import { createTable, runStatements } from '../../otlp/engine.ts';
import { encodeRequest } from '../../otlp/reference.ts';
import { type Target } from '../target.ts';
import { sameRows, tryDecode } from './protobuf.ts';

export const native: Target = {
	name: 'native',
	seeds: (random) => [random.bytes(4)],
	async attempt(input) {
		const seed = Buffer.concat([input, Buffer.alloc(4)]).readUInt32LE(0);
		for (const spec of TABLES) await throughEngine(spec, seed);
		return 'came back';
	},
};

async function throughEngine(spec: TableSpec, seed: number): Promise<void> {
	const block = new Block(spec.columns);
	for (const request of fc.sample(REQUESTS[spec.signal], { seed: seed | 0, numRuns: 100 }))
		tryDecode(spec.signal, encodeRequest(spec.signal, request), block);
	const folder = mkdtempSync(join(tmpdir(), 'throughline-fuzz-'));
	const [written, returned] = [join(folder, 'written.native'), join(folder, 'returned.native')];
	try {
		writeFileSync(written, encodeNative(block));
		await runStatements([
			createTable(spec),
			`INSERT INTO ${spec.table} SELECT * FROM file('${written}', 'Native') SETTINGS max_threads = 1`,
			`INSERT INTO FUNCTION file('${returned}', 'Native') SELECT * FROM ${spec.table} SETTINGS max_threads = 1`,
		]);
		sameRows(decodeNative(new Uint8Array(readFileSync(returned))).block, block);
	} finally {
		rmSync(folder, { recursive: true });
	}
}
