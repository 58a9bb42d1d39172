/** Errors of the world (not of the programmer): a stable code, whether trying again can help, and what to do about it. */

export type ErrorCode =
	| 'malformed' // the bytes are not what they claim to be
	| 'too_large'
	| 'unsupported' // content type, encoding or method we do not speak
	| 'not_found'
	| 'invalid_argument'
	| 'overloaded' // refused now, accepted later
	| 'unavailable' // a part we need is down
	| 'timeout'
	| 'cancelled'
	| 'conflict' // a port, a lock or a directory somebody else holds
	| 'internal';

export interface FailureOptions {
	readonly retryable?: boolean;
	readonly retryAfterMs?: number;
	/** What the reader can do about it, one sentence. */
	readonly hint?: string;
	readonly cause?: unknown;
}

/** Thrown for every expected failure; callers branch on `code`, never on the message. */
export class Failure extends Error {
	readonly code: ErrorCode;
	readonly retryable: boolean;
	readonly retryAfterMs: number | undefined;
	readonly hint: string | undefined;

	constructor(code: ErrorCode, message: string, options: FailureOptions = {}) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.name = 'Failure';
		this.code = code;
		this.retryable = options.retryable ?? (code === 'overloaded' || code === 'unavailable' || code === 'timeout');
		this.retryAfterMs = options.retryAfterMs;
		this.hint = options.hint;
	}
}

/** Programmer errors: what must never be false. */
export function assert(condition: unknown, message: string): asserts condition {
	if (!condition) throw new Error(`assertion failed: ${message}`);
}
