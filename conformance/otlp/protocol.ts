/** OTLP's own messages for the suite: requests from their JSON form, answers back into objects. protobufjs, not the code under test. */

import protobuf from 'protobufjs';
import { REQUEST_TYPE, RESPONSE_TYPE } from '../../test/otlp/reference.ts';

export const SIGNALS = ['traces', 'metrics', 'logs'] as const;
export type Signal = (typeof SIGNALS)[number];
export type Encoding = 'json' | 'protobuf';

export const CONTENT_TYPE: Readonly<Record<Encoding, string>> = { json: 'application/json', protobuf: 'application/x-protobuf' };

export const GRPC_METHOD: Readonly<Record<Signal, string>> = {
	traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
	metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
	logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
};

/** google/rpc/code.proto, in order. */
export const GRPC_CODES = [
	'OK',
	'CANCELLED',
	'UNKNOWN',
	'INVALID_ARGUMENT',
	'DEADLINE_EXCEEDED',
	'NOT_FOUND',
	'ALREADY_EXISTS',
	'PERMISSION_DENIED',
	'RESOURCE_EXHAUSTED',
	'FAILED_PRECONDITION',
	'ABORTED',
	'OUT_OF_RANGE',
	'UNIMPLEMENTED',
	'INTERNAL',
	'UNAVAILABLE',
	'DATA_LOSS',
	'UNAUTHENTICATED',
] as const;

const REJECTED: Readonly<Record<Signal, string>> = {
	traces: 'rejectedSpans',
	metrics: 'rejectedDataPoints',
	logs: 'rejectedLogRecords',
};

/** `google/rpc/status.proto` and the two details OTLP names. */
const rpc = protobuf.Root.fromJSON({
	nested: {
		Any: { fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
		Status: {
			fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 }, details: { rule: 'repeated', type: 'Any', id: 3 } },
		},
	},
});
const STATUS = rpc.lookupType('Status');

export interface Status {
	readonly code: number;
	readonly message: string;
	/** Message names of the details, e.g. `google.rpc.RetryInfo`. */
	readonly details: readonly string[];
}

/** What an `Export*ServiceResponse` says. */
export interface ExportResponse {
	/** Undefined when the field is not set. */
	readonly partial: { readonly rejected: number; readonly message: string } | undefined;
}

/** `message` is in OTLP's JSON form: ids in hexadecimal, other bytes in base64, 64-bit integers as strings. */
export function encodeMessage(signal: Signal, encoding: Encoding, message: Readonly<Record<string, unknown>>): Buffer {
	if (encoding === 'json') return Buffer.from(JSON.stringify(message));
	const type = REQUEST_TYPE[signal];
	return Buffer.from(type.encode(type.fromObject(withBytes(message) as Record<string, unknown>)).finish());
}

const ID = /^(traceId|spanId|parentSpanId)$/;

function withBytes(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(withBytes);
	if (typeof value !== 'object' || value === null) return value;
	return Object.fromEntries(
		Object.entries(value)
			.filter(([, inner]) => inner !== null)
			.map(([name, inner]) => [name, ID.test(name) && typeof inner === 'string' ? Buffer.from(inner, 'hex') : withBytes(inner)]),
	);
}

/** Throws when the body is no such message. */
export function decodeResponse(signal: Signal, encoding: Encoding, body: Buffer): ExportResponse {
	if (encoding === 'json') return jsonResponse(signal, body);
	const type = RESPONSE_TYPE[signal];
	const decoded = type.toObject(type.decode(body), { longs: Number }) as { partialSuccess?: Record<string, unknown> };
	const { partialSuccess: partial } = decoded;
	if (partial === undefined) return { partial: undefined };
	return { partial: { rejected: Number(partial[REJECTED[signal]] ?? 0), message: text(partial['errorMessage']) } };
}

function jsonResponse(signal: Signal, body: Buffer): ExportResponse {
	const decoded = object(JSON.parse(body.toString()));
	for (const name of Object.keys(decoded)) if (name !== 'partialSuccess') throw new Error(`a response has no field '${name}'`);
	if (decoded['partialSuccess'] === undefined) return { partial: undefined };
	const partial = object(decoded['partialSuccess']);
	const rejected = partial[REJECTED[signal]];
	if (rejected !== undefined && typeof rejected !== 'string') throw new Error(`${REJECTED[signal]} is an int64: a decimal string in JSON`);
	for (const name of Object.keys(partial))
		if (name !== REJECTED[signal] && name !== 'errorMessage') throw new Error(`partialSuccess has no field '${name}'`);
	return { partial: { rejected: Number(rejected ?? 0), message: text(partial['errorMessage']) } };
}

/** Throws when the body is no `google.rpc.Status`. */
export function decodeStatus(encoding: Encoding, body: Buffer): Status {
	if (encoding === 'json') {
		const { code = 0, message = '', details = [], ...rest } = object(JSON.parse(body.toString()));
		const [unknown] = Object.keys(rest);
		if (unknown !== undefined) throw new Error(`google.rpc.Status has no field '${unknown}'`);
		if (!Number.isInteger(code) || typeof message !== 'string' || !Array.isArray(details)) throw new Error('not a google.rpc.Status');
		return { code: code as number, message, details: details.map((detail: { '@type'?: unknown }) => typeName(String(detail['@type']))) };
	}
	const status = STATUS.toObject(STATUS.decode(body), { defaults: true }) as {
		code: number;
		message: string;
		details: { typeUrl: string }[];
	};
	return { code: status.code, message: status.message, details: status.details.map(({ typeUrl }) => typeName(typeUrl)) };
}

function text(value: unknown): string {
	if (value !== undefined && typeof value !== 'string') throw new Error('errorMessage is no string');
	return value ?? '';
}

function typeName(url: string): string {
	return url.slice(url.lastIndexOf('/') + 1);
}

function object(value: unknown): Record<string, unknown> {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not a JSON object');
	return value as Record<string, unknown>;
}
