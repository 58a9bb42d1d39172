/**
 * What each failure is answered with on both transports.
 *
 * OTLP specification, "Failures": bad data is 400 / INVALID_ARGUMENT with `BadRequest` and never sent again; what may be sent again is 503 with
 * `Retry-After` / UNAVAILABLE with `RetryInfo`; RESOURCE_EXHAUSTED without `RetryInfo` means do not send this again.
 */

import { Failure } from '../base/errors.ts';
import { GRPC_STATUS, type GrpcStatusCode } from '../otlp/response.ts';

/** Answered 405, and `Allow: POST` beside it. */
export class WrongMethod extends Failure {
	constructor(method: string) {
		super('unsupported', `${method.slice(0, 20)} is not supported here; send telemetry with POST`);
	}
}

export interface Answer {
	readonly http: number;
	readonly grpc: GrpcStatusCode;
	readonly message: string;
	/** Set when the sender may try again. */
	readonly retryAfterMs: number | undefined;
	/** The data itself is at fault. */
	readonly badRequest: boolean;
}

export function answerTo(failure: Failure, retryAfterMs: number): Answer {
	if (failure.retryable)
		return {
			http: 503,
			grpc: GRPC_STATUS.unavailable,
			message: failure.message,
			retryAfterMs: failure.retryAfterMs ?? retryAfterMs,
			badRequest: false,
		};
	const [http, grpc] = failure instanceof WrongMethod ? ([405, GRPC_STATUS.unimplemented] as const) : finalStatus(failure);
	// What broke inside is for the log, not for whoever sent something.
	const message = http === 500 ? 'internal error; the log of the platform says more' : failure.message;
	return { http, grpc, message, retryAfterMs: undefined, badRequest: http === 400 };
}

function finalStatus({ code }: Failure): readonly [number, GrpcStatusCode] {
	switch (code) {
		case 'malformed':
		case 'invalid_argument':
			return [400, GRPC_STATUS.invalidArgument];
		case 'too_large':
			return [413, GRPC_STATUS.resourceExhausted];
		case 'unsupported':
			return [415, GRPC_STATUS.invalidArgument];
		case 'not_found':
			return [404, GRPC_STATUS.notFound];
		case 'timeout':
			return [408, GRPC_STATUS.deadlineExceeded];
		case 'overloaded': // A quota that can never be met.
			return [429, GRPC_STATUS.resourceExhausted];
		case 'unavailable':
		case 'cancelled':
		case 'conflict':
		case 'internal':
			return [500, GRPC_STATUS.internal];
	}
}

/** Anything thrown, as a `Failure`: what is none was not foreseen. */
export function asFailure(error: unknown): Failure {
	if (error instanceof Failure) return error;
	return new Failure('internal', 'internal error', { cause: error });
}
