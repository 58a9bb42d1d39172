/**
 * What a sender is answered: `Export*ServiceResponse` and `google.rpc.Status`, each in the encoding of the request.
 *
 * OTLP specification, "OTLP/HTTP Response" and "OTLP/gRPC Response": `partial_success` stays unset on full success; every error
 * body is a `google.rpc.Status`; int64 is a decimal string in JSON.
 */

import { ByteBuffer } from '../base/byte-buffer.ts';
import type { Signal } from '../model/schema.ts';
import type { DecodeResult, Encoding } from './result.ts';

/** google/rpc/code.proto */
export const GRPC_STATUS = {
	ok: 0,
	cancelled: 1,
	unknown: 2,
	invalidArgument: 3,
	deadlineExceeded: 4,
	notFound: 5,
	alreadyExists: 6,
	permissionDenied: 7,
	resourceExhausted: 8,
	failedPrecondition: 9,
	aborted: 10,
	outOfRange: 11,
	unimplemented: 12,
	internal: 13,
	unavailable: 14,
	dataLoss: 15,
	unauthenticated: 16,
} as const;

export type GrpcStatusCode = (typeof GRPC_STATUS)[keyof typeof GRPC_STATUS];

export interface Status {
	readonly code: GrpcStatusCode;
	/** For developers, in English. */
	readonly message: string;
	/** When set, a `google.rpc.RetryInfo` detail tells the sender to wait this long: the request may be sent again. */
	readonly retryAfterMs?: number | undefined;
	/** Adds a `google.rpc.BadRequest` detail: what was sent is at fault, as the message says. */
	readonly badRequest?: boolean | undefined;
}

/** Characters of a message; the specification bounds the whole response to 4 MiB, and a person reads one paragraph. */
export const MESSAGE_CHARS_MAX = 4096;

const RETRY_INFO_TYPE = 'type.googleapis.com/google.rpc.RetryInfo';
const BAD_REQUEST_TYPE = 'type.googleapis.com/google.rpc.BadRequest';

const REJECTED_FIELD: Readonly<Record<Signal, string>> = {
	traces: 'rejectedSpans',
	logs: 'rejectedLogRecords',
	metrics: 'rejectedDataPoints',
};

const VARINT = 0;
const BYTES = 2;

/**
 * The body of a successful answer.
 *
 * ```proto
 * message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }   // same numbers for logs and metrics
 * message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
 * ```
 */
export function encodeExportResponse(signal: Signal, encoding: Encoding, result: Pick<DecodeResult, 'rejected' | 'message'>): Uint8Array {
	const message = bounded(result.message);
	const partial = result.rejected > 0 || message !== '';
	if (encoding === 'json') {
		const partialSuccess = { [REJECTED_FIELD[signal]]: String(result.rejected), errorMessage: message };
		return jsonBytes(partial ? { partialSuccess } : {});
	}
	const response = new ByteBuffer();
	if (partial) {
		const inner = new ByteBuffer();
		putVarint(inner, 1, result.rejected);
		putString(inner, 2, message);
		putMessage(response, 1, inner);
	}
	return response.toBytes();
}

/**
 * A `google.rpc.Status` body, for every HTTP 4xx and 5xx answer and for gRPC's `grpc-status-details-bin`.
 *
 * ```proto
 * message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
 * message Any { string type_url = 1; bytes value = 2; }
 * message RetryInfo { google.protobuf.Duration retry_delay = 1; }
 * message Duration { int64 seconds = 1; int32 nanos = 2; }
 * message BadRequest { repeated FieldViolation field_violations = 1; }
 * message FieldViolation { string field = 1; string description = 2; }             // field stays empty: it is the body as a whole
 * ```
 */
export function encodeStatus(encoding: Encoding, status: Status): Uint8Array {
	const message = bounded(status.message);
	const waitMs = status.retryAfterMs === undefined ? undefined : Math.max(0, Math.ceil(status.retryAfterMs));
	const badRequest = status.badRequest === true;
	if (encoding === 'json') {
		const details = [
			...(waitMs === undefined ? [] : [{ '@type': RETRY_INFO_TYPE, retryDelay: `${(waitMs / 1000).toFixed(3)}s` }]),
			...(badRequest ? [{ '@type': BAD_REQUEST_TYPE, fieldViolations: [{ description: message }] }] : []),
		];
		return jsonBytes({ code: status.code, message, ...(details.length > 0 ? { details } : {}) });
	}
	const out = new ByteBuffer();
	putVarint(out, 1, status.code);
	putString(out, 2, message);
	if (waitMs !== undefined) {
		const delay = new ByteBuffer();
		putVarint(delay, 1, Math.floor(waitMs / 1000));
		putVarint(delay, 2, (waitMs % 1000) * 1_000_000);
		const info = new ByteBuffer();
		putMessage(info, 1, delay);
		putDetail(out, RETRY_INFO_TYPE, info);
	}
	if (badRequest) {
		const violation = new ByteBuffer();
		putString(violation, 2, message);
		const detail = new ByteBuffer();
		putMessage(detail, 1, violation);
		putDetail(out, BAD_REQUEST_TYPE, detail);
	}
	return out.toBytes();
}

function putDetail(out: ByteBuffer, type: string, detail: ByteBuffer): void {
	const any = new ByteBuffer();
	putString(any, 1, type);
	putMessage(any, 2, detail);
	putMessage(out, 3, any);
}

function bounded(message: string): string {
	return message.length <= MESSAGE_CHARS_MAX ? message : `${message.slice(0, MESSAGE_CHARS_MAX - 1)}…`;
}

function jsonBytes(value: unknown): Uint8Array {
	return new TextEncoder().encode(JSON.stringify(value));
}

function putVarint(out: ByteBuffer, field: number, value: number): void {
	if (value === 0) return;
	out.varint((field << 3) | VARINT);
	out.varint(value);
}

function putString(out: ByteBuffer, field: number, text: string): void {
	if (text === '') return;
	const bytes = new TextEncoder().encode(text);
	out.varint((field << 3) | BYTES);
	out.varint(bytes.length);
	out.append(bytes);
}

function putMessage(out: ByteBuffer, field: number, inner: ByteBuffer): void {
	out.varint((field << 3) | BYTES);
	out.varint(inner.length);
	out.append(inner.contents());
}
