/** What senders are answered, read by other implementations. */

import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import type { Signal } from '../../src/model/schema.ts';
import { encodeExportResponse, encodeStatus, GRPC_STATUS, MESSAGE_CHARS_MAX } from '../../src/otlp/response.ts';
import { RESPONSE_TYPE } from './reference.ts';

const { root } = protobuf.parse(`syntax = "proto3"; package google.rpc;
	message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
	message Any { string type_url = 1; bytes value = 2; }
	message RetryInfo { Duration retry_delay = 1; }
	message BadRequest { repeated FieldViolation field_violations = 1; }
	message FieldViolation { string field = 1; string description = 2; }
	message Duration { int64 seconds = 1; int32 nanos = 2; }`);
const Status = root.lookupType('google.rpc.Status');
const BadRequest = root.lookupType('google.rpc.BadRequest');
const RetryInfo = root.lookupType('google.rpc.RetryInfo');

const json = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

const FIELDS = { traces: 'rejectedSpans', logs: 'rejectedLogRecords', metrics: 'rejectedDataPoints' } as const;

describe.each(Object.keys(FIELDS) as Signal[])('%s', (signal) => {
	const type = RESPONSE_TYPE[signal];
	const read = (bytes: Uint8Array) => type.toObject(type.decode(bytes), { longs: String });

	test('partial_success is unset on full success', () => {
		const whole = { accepted: 5, rejected: 0, message: '' };
		expect(encodeExportResponse(signal, 'protobuf', whole)).toEqual(new Uint8Array(0));
		expect(json(encodeExportResponse(signal, 'json', whole))).toEqual({});
	});

	test('what was rejected is counted under the name of the signal, as text in JSON', () => {
		const partial = { accepted: 5, rejected: 300, message: 'weil ü' };
		const partialSuccess = { [FIELDS[signal]]: '300', errorMessage: 'weil ü' };
		expect(read(encodeExportResponse(signal, 'protobuf', partial))).toEqual({ partialSuccess });
		expect(json(encodeExportResponse(signal, 'json', partial))).toEqual({ partialSuccess });
	});

	test('a warning is a message with nothing rejected', () => {
		const warning = { accepted: 5, rejected: 0, message: 'cut' };
		expect(read(encodeExportResponse(signal, 'protobuf', warning))).toEqual({ partialSuccess: { errorMessage: 'cut' } });
		expect(json(encodeExportResponse(signal, 'json', warning))).toEqual({ partialSuccess: { [FIELDS[signal]]: '0', errorMessage: 'cut' } });
	});
});

test('a long message is cut, so that no response grows with its request', () => {
	const long = { accepted: 0, rejected: 1, message: 'x'.repeat(1_000_000) };
	expect(encodeExportResponse('traces', 'protobuf', long).length).toBeLessThan(MESSAGE_CHARS_MAX + 100);
	expect(encodeStatus('json', { code: GRPC_STATUS.internal, message: long.message }).length).toBeLessThan(MESSAGE_CHARS_MAX + 100);
});

test('a status without a delay has no details', () => {
	const status = { code: GRPC_STATUS.invalidArgument, message: 'not an OTLP message' };
	expect(Status.toObject(Status.decode(encodeStatus('protobuf', status)))).toEqual(status);
	expect(json(encodeStatus('json', status))).toEqual(status);
});

test('bad data is described by a BadRequest', () => {
	const status = { code: GRPC_STATUS.invalidArgument, message: 'not an OTLP message', badRequest: true };
	const [detail] = Status.toObject(Status.decode(encodeStatus('protobuf', status)))['details'];
	expect(detail.type_url ?? detail.typeUrl).toBe('type.googleapis.com/google.rpc.BadRequest');
	expect(BadRequest.toObject(BadRequest.decode(detail.value))).toEqual({ fieldViolations: [{ description: 'not an OTLP message' }] });
	expect(json(encodeStatus('json', status))).toEqual({
		code: 3,
		message: 'not an OTLP message',
		details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ description: 'not an OTLP message' }] }],
	});
});

test.each([
	[1500, '1', 500_000_000, '1.500s'],
	[0, undefined, undefined, '0.000s'],
	[60_000, '60', undefined, '60.000s'],
	[0.2, undefined, 1_000_000, '0.001s'],
])('a delay of %d ms is told as RetryInfo', (retryAfterMs, seconds, nanos, text) => {
	const status = { code: GRPC_STATUS.unavailable, message: 'full', retryAfterMs };
	const decoded = Status.toObject(Status.decode(encodeStatus('protobuf', status)));
	expect(decoded['details']).toHaveLength(1);
	expect(decoded['details'][0].type_url ?? decoded['details'][0].typeUrl).toBe('type.googleapis.com/google.rpc.RetryInfo');
	const { retryDelay } = RetryInfo.toObject(RetryInfo.decode(decoded['details'][0].value), { longs: String });
	expect(retryDelay).toEqual({ ...(seconds && { seconds }), ...(nanos && { nanos }) });
	expect(json(encodeStatus('json', status))).toEqual({
		code: 14,
		message: 'full',
		details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: text }],
	});
});
