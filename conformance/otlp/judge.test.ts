/** That the judge finds what is wrong: a suite that lets everything pass proves nothing. */

import { expect, test } from 'vitest';
import { build } from './body.ts';
import { type Case, loadSuite } from './cases.ts';
import type { GrpcAnswer } from './grpc-exchange.ts';
import type { HttpAnswer } from './http-exchange.ts';
import { judgeGrpc, judgeHttp } from './judge.ts';

const suite = loadSuite();

function judge(id: string, answer: Partial<HttpAnswer> & { text?: string }): string[] {
	const each = suite.cases.find((some) => some.id === id) as Case;
	const body = Buffer.from(answer.text ?? '');
	const [expected] = each.expect;
	if (expected === undefined) throw new Error(`${id} expects nothing`);
	return judgeHttp(each, expected, { status: 200, headers: { 'content-type': 'application/json' }, body, ...answer });
}

test.each([
	['a good answer', 'unset/traces/http/json', { text: '{}' }, undefined],
	['an empty partial success where it must be unset', 'unset/traces/http/json', { text: '{"partialSuccess":{}}' }, /is set/],
	['an empty partial success elsewhere', 'good/traces/http/json/none', { text: '{"partialSuccess":{}}' }, undefined],
	['another content type', 'good/traces/http/json/none', { text: '{}', headers: { 'content-type': 'text/plain' } }, /content type/],
	['an error', 'good/traces/http/json/none', { status: 400, text: '{"code":3,"message":"no"}' }, /status 400/],
	['a field that does not exist', 'good/traces/http/json/none', { text: '{"ok":true}' }, /no field 'ok'/],
	['a success', 'json-array', { text: '{}' }, /expected 400/],
	['a refusal', 'json-array', { status: 400, text: '{"code":3,"message":"no"}' }, undefined],
	['a refusal in plain text', 'json-array', { status: 400, text: 'no' }, /no google.rpc.Status/],
	['a refusal without words', 'json-array', { status: 400, text: '{"code":3}' }, /no message/],
	['a refusal that says "try again"', 'json-array', { status: 503, text: '{"code":14,"message":"no"}' }, /try again/],
	[
		'too few rejected',
		'all-spans-bad/http/json',
		{ text: '{"partialSuccess":{"rejectedSpans":"4","errorMessage":"5 spans"}}' },
		/4 rejected/,
	],
	[
		'a count that is no string',
		'all-spans-bad/http/json',
		{ text: '{"partialSuccess":{"rejectedSpans":5,"errorMessage":"5 spans"}}' },
		/int64/,
	],
	['a 405 without Allow', 'put', { status: 405, text: '' }, /allow is missing/],
	[
		'permission for any origin',
		'origin-off',
		{ text: '{}', headers: { 'content-type': 'application/json', 'access-control-allow-origin': '*' } },
		/has the header/,
	],
] as const)('%s', (_, id, answer, problem) => {
	const problems = judge(id, answer).join('; ');
	if (problem === undefined) expect(problems).toBe('');
	else expect(problems).toMatch(problem);
});

test.each([
	['a code that is retryable', 14, /UNAVAILABLE/],
	['success', 0, /OK/],
	['no code', undefined, /no grpc-status/],
	['a final code', 13, undefined],
] as const)('gRPC: %s for bad data', (_, code, problem) => {
	const each = suite.cases.find(({ id }) => id === 'grpc-text') as Case;
	const answer: GrpcAnswer = {
		httpStatus: 200,
		code,
		message: 'no',
		status: undefined,
		bodies: [],
		headers: {},
		reset: 0,
		timedOut: false,
	};
	const [expected] = each.expect;
	if (expected === undefined) throw new Error('grpc-text expects nothing');
	const problems = judgeGrpc(each, expected, answer).join('; ');
	if (problem === undefined) expect(problems).toBe('');
	else expect(problems).toMatch(problem);
});

test('parts stand in one another', () => {
	const context = { signal: 'traces', encoding: 'protobuf', messages: {} } as const;
	const hex = (...parts: Parameters<typeof build>[0]) => build(parts, context).toString('hex');
	expect(hex({ field: [1, 2], of: [{ hex: 'ff' }] })).toBe('0a031201ff');
	expect(hex({ field: [5, 1], levels: 3, of: [{ text: 'a' }] })).toBe('2a050a032a0161');
	expect(hex({ repeat: 2, of: [{ zeros: 1 }, { text: 'b' }] })).toBe('00620062');
	expect(hex({ field: 16, of: [{ repeat: 200, of: [{ text: 'a' }] }] }).slice(0, 8)).toBe('8201c801');
	expect(hex({ message: { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'ff', spanId: '0102' }] }] }] } })).toBe(
		'0a0b120912070a01ff12020102',
	);
});

test('every rule is checked by a case', () => {
	const used = new Set(suite.cases.map(({ rule }) => rule));
	expect(Object.keys(suite.rules).filter((rule) => !used.has(rule))).toEqual([]);
});
