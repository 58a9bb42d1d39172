/**
 * The protobuf decoder against protobufjs. For bytes that mean one thing, ours must read what the reference reads: the reference's reading
 * is encoded anew, in its plain form, and must fill the same columns. For all others: refused as malformed or taken, never anything else,
 * and what was refused leaves no trace.
 *
 * First byte of an input: the signal. The rest: a request.
 */

import fc from 'fast-check';
import type protobufjs from 'protobufjs';
import { Failure } from '../../../src/base/errors.ts';
import { Block } from '../../../src/model/block.ts';
import { type Signal, TABLES, type TableSpec } from '../../../src/model/schema.ts';
import { decode } from '../../../src/otlp/decode.ts';
import { REQUESTS } from '../../otlp/arbitrary.ts';
import { encodeRequest, REQUEST_TYPE } from '../../otlp/reference.ts';
import { broken, gist, type Target } from '../target.ts';
import { judge } from './wire.ts';

const RECEIVED_MS = 1_700_000_000_000;

export const protobuf: Target = {
	name: 'protobuf',
	seeds: (random) =>
		TABLES.flatMap(({ signal }, index) =>
			fc.sample(REQUESTS[signal], { seed: random.int(2 ** 31), numRuns: 60 }).map((request) => {
				const body = encodeRequest(signal, request);
				return Uint8Array.from([index, ...body]);
			}),
		),
	attempt(input) {
		const spec = tableOf(input);
		const body = input.subarray(1);
		const type = REQUEST_TYPE[spec.signal];
		const verdict = judge(body, type);
		const block = blockOf(spec, 'subject');
		const outcome = tryDecode(spec.signal, body, block);
		if (outcome instanceof Failure) {
			if (block.rows !== 0) broken('a refused request left rows');
			if (verdict === 'plain' && outcome.code === 'malformed') broken(`refused what is sound: ${outcome.message}`);
			return `${spec.signal} refused: ${gist(outcome.message)}`;
		}
		if (verdict === 'broken') broken('took bytes that are no protobuf');
		if (verdict === 'plain') compare(spec, body, type, block);
		return `${spec.signal} ${verdict} ${Math.min(block.rows, 3)} rows ${gist(outcome)}`;
	},
};

const blocks = new Map<string, Block>();

/** An empty block, used again and again as the platform does: making one costs more than an attempt. */
export function blockOf({ table, columns }: TableSpec, role: 'subject' | 'reference'): Block {
	const key = `${table} ${role}`;
	const block = blocks.get(key) ?? new Block(columns);
	blocks.set(key, block);
	block.reset();
	return block;
}

export function tableOf(input: Uint8Array): TableSpec {
	const spec = TABLES[(input[0] ?? 0) % TABLES.length];
	if (spec === undefined) throw new Error('there are tables');
	return spec;
}

/** The decoder's message, or its failure; anything else it throws is a broken promise. */
export function tryDecode(signal: Signal, body: Uint8Array, block: Block, encoding: 'protobuf' | 'json' = 'protobuf'): string | Failure {
	const before = block.rows;
	try {
		const result = decode(signal, body, encoding, block, RECEIVED_MS);
		if (result.accepted !== block.rows - before) broken(`said ${result.accepted} accepted, made ${block.rows - before} rows`);
		return result.message;
	} catch (error) {
		if (error instanceof Failure && (error.code === 'malformed' || error.code === 'too_large')) return error;
		throw error;
	}
}

export function sameRows(one: Block, other: Block): void {
	if (one.rows !== other.rows) broken(`${one.rows} rows, the reference has ${other.rows}`);
	for (let row = 0; row < one.rows; row++) {
		const [got, wanted] = [print(one.row(row)), print(other.row(row))];
		if (got !== wanted) broken(`row ${row} is\n${got}\nthe reference has\n${wanted}`);
	}
}

function print(value: unknown): string {
	return JSON.stringify(value, (_, inner: unknown) => {
		if (typeof inner === 'bigint') return `${inner}n`;
		if (inner instanceof Map) return [...inner];
		return typeof inner === 'number' && !Number.isFinite(inner) ? String(inner) : inner;
	});
}

function compare(spec: TableSpec, body: Uint8Array, type: protobufjs.Type, block: Block): void {
	const again = Uint8Array.from(type.encode(type.decode(body)).finish());
	const reference = blockOf(spec, 'reference');
	const outcome = tryDecode(spec.signal, again, reference);
	if (outcome instanceof Failure) broken(`the reference's form of it is refused: ${outcome.message}`);
	sameRows(block, reference);
}
