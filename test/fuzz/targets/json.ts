/**
 * The JSON decoder against `JSON.parse`. What is no JSON must be refused; what is taken must mean the same after `JSON.parse` and
 * `JSON.stringify`, wherever those two lose nothing (numbers of many digits, keys given twice).
 *
 * First byte of an input: the signal. The rest: a request in OTLP JSON.
 */

import fc from 'fast-check';
import { Failure } from '../../../src/base/errors.ts';
import { TABLES } from '../../../src/model/schema.ts';
import { REQUESTS } from '../../otlp/arbitrary.ts';
import { referenceJson } from '../../otlp/canonical.ts';
import { encodeRequest } from '../../otlp/reference.ts';
import { broken, gist, type Target } from '../target.ts';
import { blockOf, sameRows, tableOf, tryDecode } from './protobuf.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const json: Target = {
	name: 'json',
	seeds: (random) =>
		TABLES.flatMap(({ signal }, index) =>
			fc.sample(REQUESTS[signal], { seed: random.int(2 ** 31), numRuns: 60 }).map((request) => {
				const text = JSON.stringify(referenceJson(signal, encodeRequest(signal, request)));
				return new Uint8Array(Buffer.concat([Uint8Array.of(index), Buffer.from(text)]));
			}),
		),
	attempt(input) {
		const spec = tableOf(input);
		const body = input.subarray(1);
		const block = blockOf(spec, 'subject');
		const outcome = tryDecode(spec.signal, body, block, 'json');
		if (outcome instanceof Failure) {
			if (block.rows !== 0) broken('a refused request left rows');
			return `${spec.signal} refused: ${gist(outcome.message)}`;
		}
		const text = utf8(body);
		if (text === undefined) return `${spec.signal} took text that is not UTF-8`;
		const content = parse(text);
		if (content === undefined) broken('took what JSON.parse refuses');
		if (!keepsAll(text, content)) return `${spec.signal} taken, beyond comparison, ${gist(outcome)}`;
		const reference = blockOf(spec, 'reference');
		const again = tryDecode(spec.signal, new TextEncoder().encode(JSON.stringify(content)), reference, 'json');
		if (again instanceof Failure) broken(`the same in other spelling is refused: ${again.message}`);
		sameRows(block, reference);
		return `${spec.signal} ${Math.min(block.rows, 3)} rows ${gist(outcome)}`;
	},
};

function utf8(body: Uint8Array): string | undefined {
	try {
		return UTF8.decode(body);
	} catch {
		return undefined;
	}
}

function parse(text: string): object | undefined {
	try {
		return JSON.parse(text) as object;
	} catch {
		return undefined;
	}
}

/** Whether parsing and printing lose nothing: no long or exponential numbers, no lone surrogates, no key twice. */
function keepsAll(text: string, content: object): boolean {
	const tokens = text.match(/"(?:[^"\\]|\\.)*"\s*:?|-?[\d.eE+-]+/gs) ?? [];
	const numbers = tokens.filter((token) => !token.startsWith('"'));
	if (numbers.some((number) => number.length > 15 || /[eE]|^-0/.test(number))) return false;
	return tokens.filter((token) => token.endsWith(':')).length === countKeys(content) && JSON.stringify(content).isWellFormed();
}

function countKeys(value: unknown): number {
	if (typeof value !== 'object' || value === null) return 0;
	const own = Array.isArray(value) ? 0 : Object.keys(value).length;
	return Object.values(value).reduce((sum: number, inner) => sum + countKeys(inner), own);
}
