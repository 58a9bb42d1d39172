/** The engine reads the Native we write, and we read the Native it writes, at the edges of the format. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ByteSource } from '../../src/base/byte-buffer.ts';
import { utf8Bytes } from '../../src/base/utf8.ts';
import { Block } from '../../src/model/block.ts';
import type { Column } from '../../src/model/columns/column.ts';
import { decodeNative, encodeNative } from '../../src/model/native.ts';
import { type ColumnSpec, TABLES } from '../../src/model/schema.ts';
import { createTable, runStatements } from './engine.ts';

const directory = mkdtempSync(join(tmpdir(), 'throughline-native-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function fileOf(native: Uint8Array): string {
	const file = join(directory, `${Math.random()}.native`);
	writeFileSync(file, native);
	return `file('${file}', 'Native')`;
}

function source(text: string): ByteSource {
	return new ByteSource(utf8Bytes(text));
}

/** Pushes a value that depends on `n` into a column of any kind. */
function pushValue(column: Column, n: number): void {
	switch (column.kind) {
		case 'fixed':
			column.pushRun(
				Uint8Array.from({ length: column.width }, (_, i) => (n * 31 + i * 7) & (i === column.width - 1 ? 0x3f : 0xff)),
				0,
				1,
			);
			return;
		case 'string':
		case 'low-cardinality': {
			const text = source(n % 5 === 0 ? '' : `value ${n} ü ${'x'.repeat(n % 200)}`);
			column.push(text, 0, text.bytes.length);
			return;
		}
		case 'map':
			for (let i = 0; i < n % 4; i++) {
				pushValue(column.keys, n + i);
				pushValue(column.values, n * i);
			}
			column.endRow();
			return;
		case 'array':
			for (let i = 0; i < n % 3; i++) pushValue(column.items, n + i);
			column.endRow();
	}
}

test.each(TABLES.map((spec) => [spec.table, spec] as const))('every column of %s survives the engine', async (_, spec) => {
	const block = new Block(spec.columns);
	for (let n = 0; n < 300; n++) {
		for (const column of block.data) pushValue(column, n);
		block.commitRow();
	}
	const written = join(directory, `${spec.table}.native`);
	await runStatements([
		createTable(spec),
		`INSERT INTO ${spec.table} SELECT * FROM ${fileOf(encodeNative(block))} SETTINGS max_threads = 1`,
		`INSERT INTO FUNCTION file('${written}', 'Native') SELECT * FROM ${spec.table} SETTINGS max_threads = 1`,
	]);
	const { block: returned } = decodeNative(new Uint8Array(readFileSync(written)));
	expect(returned.rows).toBe(300);
	for (let row = 0; row < 300; row++) expect(returned.row(row)).toEqual(block.row(row));
});

const EDGES: readonly ColumnSpec[] = [
	{ name: 'name', type: 'LowCardinality(String)' },
	{ name: 'tags', type: 'Map(LowCardinality(String), String)' },
	{ name: 'events', type: 'Array(Map(LowCardinality(String), String))' },
	{ name: 'names', type: 'Array(LowCardinality(String))' },
	{ name: 'text', type: 'String' },
];

/** A row with one text everywhere; `items` in each array and map. */
function addEdgeRow(block: Block, text: ByteSource, items: number): void {
	for (const column of block.data) fill(column, text, items);
	block.commitRow();
}

function fill(column: Column, text: ByteSource, items: number): void {
	if (column.kind === 'string' || column.kind === 'low-cardinality') {
		column.push(text, 0, text.bytes.length);
	} else if (column.kind === 'map') {
		for (let i = 0; i < items; i++) {
			fill(column.keys, text, items);
			fill(column.values, text, items);
		}
		column.endRow();
	} else if (column.kind === 'array') {
		for (let i = 0; i < items; i++) fill(column.items, text, items);
		column.endRow();
	}
}

test.each([
	['no rows', 0, 0],
	['arrays and maps that are all empty', 3, 0],
	['a dictionary of 256 entries, one byte an index', 255, 1],
	['a dictionary of 257 entries, two bytes', 256, 1],
	['a dictionary of 65 536 entries', 65_535, 1],
	['a dictionary of 65 537 entries, four bytes', 65_536, 1],
])('%s', async (_, rows, items) => {
	const block = new Block(EDGES);
	for (let n = 1; n <= rows; n++) addEdgeRow(block, source(`text ${n}`), items);
	const [answer] = await runStatements<Record<string, number>>([
		`SELECT toUInt32(count()) AS found, toUInt32(uniqExact(name)) AS distinct,
			toUInt32(countIf(if(${items} = 0, empty(tags) AND empty(events) AND empty(names),
				tags = map(name, text) AND events = [map(name, text)] AND names = [name])
				AND name = text AND text = concat('text ', toString(n)))) AS whole
		FROM (SELECT *, rowNumberInAllBlocks() + 1 AS n FROM ${fileOf(encodeNative(block))}) SETTINGS max_threads = 1`,
	]);
	expect(answer).toEqual({ found: rows, distinct: rows, whole: rows });
});

test('a value of many megabytes', async () => {
	const block = new Block(EDGES);
	addEdgeRow(block, source('€'.repeat(3_000_000)), 1);
	const [answer] = await runStatements([
		`SELECT toUInt32(length(text)) AS bytes, name = text AND tags[name] = text AND names = [text] AS same, text = repeat(repeat('€', 3000), 1000) AS right FROM ${fileOf(encodeNative(block))}`,
	]);
	expect(answer).toEqual({ bytes: 9_000_000, same: 1, right: 1 });
});

test('blocks one after another are one stream', async () => {
	const block = new Block(EDGES);
	for (let n = 0; n < 5; n++) addEdgeRow(block, source(`text ${n}`), n);
	const native = encodeNative(block);
	const [answer] = await runStatements([
		`SELECT toUInt32(count()) AS rows FROM ${fileOf(Buffer.concat([native, encodeNative(new Block(EDGES)), native]))}`,
	]);
	expect(answer).toEqual({ rows: 10 });
});
