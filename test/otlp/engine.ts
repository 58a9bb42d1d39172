/** The real engine for tests of what it is given to read: Native files in, rows out. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TableSpec } from '../../src/model/schema.ts';

const CHILD = fileURLToPath(new URL('engine-child.mjs', import.meta.url));

/** Runs the statements and answers the rows of the last one. */
export async function runStatements<Row>(statements: readonly string[]): Promise<Row[]> {
	const child = spawn(process.execPath, [CHILD], { stdio: ['pipe', 'pipe', 'pipe'] });
	child.stdin.end(JSON.stringify(statements));
	const [out, err, code] = await Promise.all([
		text(child.stdout),
		text(child.stderr),
		new Promise<number | null>((resolve) => child.on('close', resolve)),
	]);
	// A crash while closing is known and comes after everything was written; an error of a statement comes before.
	if (code !== 0 && err.includes('Error')) throw new Error(err);
	return out
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as Row);
}

export function createTable(spec: TableSpec): string {
	return `CREATE TABLE ${spec.table} (${spec.columns.map(({ name, type }) => `${name} ${type}`).join(', ')}) ENGINE = Memory`;
}

/** Loads Native bytes into a table of the spec as the platform does, and answers `SELECT select FROM` it in the order of the bytes. */
export async function throughEngine<Row>(spec: TableSpec, native: Uint8Array, select: string): Promise<Row[]> {
	const directory = mkdtempSync(join(tmpdir(), 'throughline-native-'));
	try {
		const file = join(directory, 'block.native');
		writeFileSync(file, native);
		return await runStatements<Row>([
			createTable(spec),
			`INSERT INTO ${spec.table} SELECT * FROM file('${file}', 'Native') SETTINGS max_threads = 1, max_insert_threads = 1`,
			`SELECT ${select} FROM ${spec.table} SETTINGS max_threads = 1, output_format_json_quote_64bit_integers = 0, output_format_json_quote_denormals = 0`,
		]);
	} finally {
		rmSync(directory, { recursive: true, force: true });
	}
}
