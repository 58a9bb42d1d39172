/** What comes in as OTLP can be given back as OTLP, through decoder, Native, the engine and SQL; and JSON means what protobuf means. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Block } from '../../src/model/block.ts';
import { decodeNative, encodeNative } from '../../src/model/native.ts';
import {
	LOG_SELECT,
	type LogRow,
	logsToOtlpJson,
	METRIC_POINT_SELECT,
	type MetricPointRow,
	metricsToOtlpJson,
	SPAN_SELECT,
	type SpanRow,
	selectList,
	tracesToOtlpJson,
} from '../../src/model/otlp-json.ts';
import { type Signal, TABLES, type TableSpec } from '../../src/model/schema.ts';
import { decode } from '../../src/otlp/decode.ts';
import { REQUESTS, runSeed } from './arbitrary.ts';
import { canonicalRecords, referenceJson } from './canonical.ts';
import { throughEngine } from './engine.ts';
import { encodeRequest } from './reference.ts';

const RECEIVED_MS = 1_700_000_000_000;
const REQUESTS_PER_SIGNAL = 150;

const SELECTS: Readonly<Record<Signal, string>> = {
	traces: selectList(SPAN_SELECT),
	logs: selectList(LOG_SELECT),
	metrics: selectList(METRIC_POINT_SELECT),
};

function giveBack(signal: Signal, rows: readonly unknown[]): object {
	switch (signal) {
		case 'traces':
			return tracesToOtlpJson(rows as readonly SpanRow[]);
		case 'logs':
			return logsToOtlpJson(rows as readonly LogRow[]);
		case 'metrics':
			return metricsToOtlpJson(rows as readonly MetricPointRow[]);
	}
}

describe.each(TABLES.map((spec) => [spec.signal, spec] as const))('%s', (signal: Signal, spec: TableSpec) => {
	const seed = runSeed();
	const requests = fc.sample(REQUESTS[signal], { seed, numRuns: REQUESTS_PER_SIGNAL });
	const bodies = requests.map((request) => encodeRequest(signal, request));

	test('every request comes back from the engine as it went in', async () => {
		const block = new Block(spec.columns);
		const starts = bodies.map((body) => {
			const start = block.rows;
			expect(decode(signal, body, 'protobuf', block, RECEIVED_MS)).toMatchObject({ rejected: 0, message: '' });
			return start;
		});
		expect(block.rows).toBeGreaterThan(REQUESTS_PER_SIGNAL / 3);
		const rows = await throughEngine(spec, encodeNative(block), SELECTS[signal]);
		expect(rows.length).toBe(block.rows);
		bodies.forEach((body, i) => {
			const returned = JSON.parse(JSON.stringify(giveBack(signal, rows.slice(starts[i], starts[i + 1] ?? block.rows))));
			expect(canonicalRecords(signal, returned), `seed ${seed}, request ${i}`).toEqual(
				canonicalRecords(signal, referenceJson(signal, body)),
			);
		});
	});

	test('JSON fills the same columns as protobuf', () => {
		bodies.forEach((body, i) => {
			const fromProtobuf = new Block(spec.columns);
			decode(signal, body, 'protobuf', fromProtobuf, RECEIVED_MS);
			const fromJson = new Block(spec.columns);
			decode(signal, new TextEncoder().encode(JSON.stringify(referenceJson(signal, body))), 'json', fromJson, RECEIVED_MS);
			expect(fromJson.rows).toBe(fromProtobuf.rows);
			for (let row = 0; row < fromJson.rows; row++) expect(fromJson.row(row), `seed ${seed}, request ${i}`).toEqual(fromProtobuf.row(row));
		});
	});

	test('Native reads back as the block it was written from', () => {
		const block = new Block(spec.columns);
		for (const body of bodies) decode(signal, body, 'protobuf', block, RECEIVED_MS);
		const native = encodeNative(block);
		const { block: read, end } = decodeNative(native);
		expect(end).toBe(native.length);
		expect(encodeNative(read)).toEqual(native);
		for (let row = 0; row < block.rows; row++) expect(read.row(row)).toEqual(block.row(row));
	});

	test('a request cut off or changed anywhere is refused whole or taken whole, and leaves no trace when refused', () => {
		const block = new Block(spec.columns);
		for (const before of bodies.slice(0, 5)) decode(signal, before, 'protobuf', block, RECEIVED_MS);
		const native = encodeNative(block);
		const mark = block.mark();
		let refused = 0;
		const attempt = (damaged: Uint8Array, encoding: 'protobuf' | 'json') => {
			try {
				decode(signal, damaged, encoding, block, RECEIVED_MS);
				encodeNative(block);
				block.rollback(mark);
			} catch (error) {
				expect(error, `seed ${seed}`).toMatchObject({ name: 'Failure', code: 'malformed' });
				expect(block.rows).toBe(mark.rows);
				refused++;
			}
		};
		const body = bodies.filter(({ length }) => length < 800).reduce((longest, other) => (other.length > longest.length ? other : longest));
		const json = new TextEncoder().encode(JSON.stringify(referenceJson(signal, body)));
		for (const [bytes, encoding] of [
			[body, 'protobuf'],
			[json, 'json'],
		] as const) {
			for (let length = 0; length < bytes.length; length++) attempt(bytes.subarray(0, length), encoding);
			for (let at = 0; at < bytes.length; at++) attempt(bytes.with(at, [0, 0x7f, 0xff, 0x22][at % 4] as number), encoding);
		}
		expect(refused).toBeGreaterThan(body.length);
		expect(encodeNative(block)).toEqual(native);
	});
});
