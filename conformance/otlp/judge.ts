/** Is an answer what a case expects? Every difference in words; none means it holds. */

import type { Case, Expectation } from './cases.ts';
import type { GrpcAnswer } from './grpc-exchange.ts';
import type { HttpAnswer } from './http-exchange.ts';
import { CONTENT_TYPE, decodeResponse, decodeStatus, type Encoding, type ExportResponse, GRPC_CODES, type Status } from './protocol.ts';

/** OTLP/HTTP "Retryable Response Codes" and the table under OTLP/gRPC "Failures". */
const RETRYABLE_HTTP = [429, 502, 503, 504];
const RETRYABLE_GRPC = ['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS'];

/** OTLP/HTTP Response: 4 MiB is what clients need to read. */
const RESPONSE_BYTES_MAX = 4 * 1024 * 1024;

export function judgeHttp(each: Case, expected: Expectation, answer: HttpAnswer): string[] {
	const problems: string[] = [];
	const encoding: Encoding = each.via === 'http/json' ? 'json' : 'protobuf';
	for (const [name, pattern] of Object.entries(expected.headers)) {
		const value = answer.headers[name];
		if (pattern === null && value !== undefined) problems.push(`has the header ${name}: ${value}`);
		if (pattern !== null && (value === undefined || !new RegExp(pattern, 'i').test(value)))
			problems.push(`header ${name} is ${value ?? 'missing'}, expected /${pattern}/`);
	}
	if (answer.body.length > RESPONSE_BYTES_MAX) problems.push(`answers with ${answer.body.length} bytes`);
	const kinds = expected.answer;
	if (answer.status === 200 && (kinds.includes('success') || kinds.includes('partial')))
		return [...problems, ...judgeHttpResponse(each, expected, answer, encoding)];
	const statuses = expected.status ?? (kinds.includes('error') ? [400] : kinds.includes('http') ? [] : [200]);
	if (statuses.length > 0 && !statuses.includes(answer.status)) problems.push(`status ${answer.status}, expected ${statuses.join(' or ')}`);
	if (RETRYABLE_HTTP.includes(answer.status) || answer.headers['retry-after'] !== undefined)
		problems.push(`status ${answer.status} tells the sender to try again`);
	if (kinds.includes('error') || answer.status >= 400) {
		if (!kinds.includes('http')) problems.push(...judgeHttpStatus(each, expected, answer, encoding));
	}
	return problems;
}

function judgeHttpResponse(each: Case, expected: Expectation, answer: HttpAnswer, encoding: Encoding): string[] {
	const problems = judgeContentType(answer, [CONTENT_TYPE[encoding]]);
	try {
		problems.push(...judgeResponse(expected, decodeResponse(each.signal, encoding, answer.body)));
	} catch (error) {
		problems.push(`the body is no export response: ${(error as Error).message}: ${excerpt(answer.body)}`);
	}
	return problems;
}

function judgeHttpStatus(each: Case, expected: Expectation, answer: HttpAnswer, encoding: Encoding): string[] {
	if (each.method === 'HEAD') return [];
	const either = expected.contentType === 'either';
	const problems = judgeContentType(answer, either ? Object.values(CONTENT_TYPE) : [CONTENT_TYPE[encoding]]);
	const actual: Encoding = either && mediaType(answer) === CONTENT_TYPE.json ? 'json' : either ? 'protobuf' : encoding;
	try {
		problems.push(...judgeStatus(expected, decodeStatus(actual, answer.body)));
	} catch (error) {
		problems.push(`the body is no google.rpc.Status: ${(error as Error).message}: ${excerpt(answer.body)}`);
	}
	return problems;
}

function mediaType({ headers }: HttpAnswer): string {
	return (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function judgeContentType(answer: HttpAnswer, allowed: readonly string[]): string[] {
	return allowed.includes(mediaType(answer)) ? [] : [`content type '${mediaType(answer)}', expected ${allowed.join(' or ')}`];
}

export function judgeGrpc(each: Case, expected: Expectation, answer: GrpcAnswer): string[] {
	const kinds = expected.answer;
	if (answer.timedOut) return ['no answer in time'];
	if (kinds.includes('http')) {
		const problems = [];
		if (expected.status !== undefined && !expected.status.includes(answer.httpStatus))
			problems.push(`HTTP status ${answer.httpStatus}, expected ${expected.status.join(' or ')}`);
		return problems;
	}
	if (answer.code === undefined) return [`no grpc-status (HTTP status ${answer.httpStatus}, stream reset with ${answer.reset})`];
	const name = GRPC_CODES[answer.code] ?? String(answer.code);
	if (name === 'OK' && (kinds.includes('success') || kinds.includes('partial'))) {
		const [body] = answer.bodies;
		if (body === undefined || answer.bodies.length > 1) return [`${answer.bodies.length} messages in the answer`];
		try {
			return judgeResponse(expected, decodeResponse(each.signal, 'protobuf', body));
		} catch (error) {
			return [`not an export response: ${(error as Error).message}`];
		}
	}
	const problems: string[] = [];
	const codes = kinds.includes('error') ? (expected.grpc ?? ['INVALID_ARGUMENT']) : ['OK'];
	const final = !RETRYABLE_GRPC.includes(name) && name !== 'OK';
	if (!codes.some((code) => code === name || (code === 'final' && final)))
		problems.push(`code ${name} (${answer.message}), expected ${codes.join(' or ').replace('final', 'one that is not retryable')}`);
	if (answer.status?.details.includes('google.rpc.RetryInfo') === true) problems.push('RetryInfo tells the sender to try again');
	if (problems.length === 0)
		problems.push(...judgeStatus(expected, answer.status ?? { code: answer.code, message: answer.message, details: [] }));
	return problems;
}

function judgeResponse(expected: Expectation, { partial }: ExportResponse): string[] {
	const problems: string[] = [];
	const empty = partial === undefined || (partial.rejected === 0 && partial.message === '');
	if (expected.unset && partial !== undefined) problems.push('partial_success is set');
	if (!empty && partial.message === '') problems.push('partial_success has no error_message');
	if (expected.answer.includes('partial') && !expected.answer.includes('success') && empty) problems.push('nothing is said to be rejected');
	if (!expected.answer.includes('partial') && !empty) problems.push(`partial success: ${partial.rejected} rejected, ${partial.message}`);
	if (expected.rejected !== undefined && (partial?.rejected ?? 0) !== expected.rejected)
		problems.push(`${partial?.rejected ?? 0} rejected, expected ${expected.rejected}`);
	if (expected.message !== undefined && !new RegExp(expected.message, 'i').test(partial?.message ?? ''))
		problems.push(`says '${partial?.message ?? ''}', expected /${expected.message}/`);
	return problems;
}

function judgeStatus(expected: Expectation, status: Status): string[] {
	const problems: string[] = [];
	if (status.message === '') problems.push('the Status has no message');
	if (expected.message !== undefined && !new RegExp(expected.message, 'i').test(status.message))
		problems.push(`says '${status.message}', expected /${expected.message}/`);
	if (expected.detail !== undefined && !status.details.includes(expected.detail))
		problems.push(`the Status has no ${expected.detail} among its details [${status.details.join(', ')}]`);
	return problems;
}

function excerpt(bytes: Buffer): string {
	const text = bytes.subarray(0, 80).toString('latin1');
	return JSON.stringify(bytes.length > 80 ? `${text}…` : text);
}
