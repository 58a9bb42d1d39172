/** Every failure as one JSON shape (`ErrorBody`) with the status that fits; what a client did wrong is said with how to do it right. */

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type ErrorCode, Failure } from '../base/errors.ts';

const STATUS: Readonly<Record<ErrorCode, number>> = {
	malformed: 400,
	invalid_argument: 400,
	not_found: 404,
	conflict: 409,
	/** The question is well put, its answer would take more memory than a query may use. */
	too_large: 422,
	unsupported: 415,
	overloaded: 429,
	/** nginx's "client closed request": nobody reads it, but logs and metrics do. */
	cancelled: 499,
	internal: 500,
	unavailable: 503,
	timeout: 504,
};

/** Seconds a client is asked to wait when the failure does not say: an engine restart takes about one. */
const RETRY_AFTER_SECONDS = 2;

export interface Problem {
	readonly status: number;
	readonly code: string;
	readonly message: string;
	readonly hint: string | undefined;
	readonly retryAfterSeconds: number | undefined;
}

export function problemOf(error: unknown): Problem {
	if (error instanceof Failure) return failureProblem(error);
	if (hasZodFastifySchemaValidationErrors(error)) return invalidRequest(error.validation);
	const { statusCode, message } = error as Partial<FastifyError>;
	if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
		return {
			status: statusCode,
			code: statusCode === 414 ? 'too_large' : 'invalid_argument',
			message: message ?? '',
			hint: undefined,
			retryAfterSeconds: undefined,
		};
	return {
		status: 500,
		code: 'internal',
		message: 'something went wrong on our side',
		hint: 'the log has the details',
		retryAfterSeconds: undefined,
	};
}

function failureProblem(failure: Failure): Problem {
	const status = STATUS[failure.code];
	const waits = failure.code === 'overloaded' || failure.code === 'unavailable';
	return {
		status,
		code: failure.code,
		message: failure.message,
		hint: failure.hint,
		retryAfterSeconds: waits ? Math.max(1, Math.ceil((failure.retryAfterMs ?? RETRY_AFTER_SECONDS * 1_000) / 1_000)) : undefined,
	};
}

type ValidationIssue = { readonly instancePath: string; readonly message?: string | undefined; readonly params: Record<string, unknown> };

function invalidRequest(issues: readonly ValidationIssue[]): Problem {
	const messages = issues.map(({ instancePath, message, params }) => {
		const name = instancePath.slice(1);
		if (Array.isArray(params.keys)) return `unknown parameter ${params.keys.map(String).join(', ')}`;
		const expected =
			FORMS[name] ?? (Array.isArray(params.values) ? `one of ${params.values.map(String).join(', ')}` : (message ?? 'invalid'));
		return name === '' ? expected : `${name}: ${expected}`;
	});
	return {
		status: 400,
		code: 'invalid_argument',
		message: messages.join('; '),
		hint: 'GET /api/openapi.json lists every parameter with its form',
		retryAfterSeconds: undefined,
	};
}

/** Parameters whose right form the schema's own message does not tell. */
const FORMS: Readonly<Record<string, string>> = {
	from: 'write ISO 8601 with a zone (2026-01-31T12:00:00Z) or milliseconds since the epoch',
	to: 'write ISO 8601 with a zone (2026-01-31T12:00:00Z) or milliseconds since the epoch',
	attribute: 'write key=value; repeat the parameter for more',
};

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
	const problem = problemOf(error);
	logProblem(problem, error, request);
	return prepare(reply, problem).send({
		error: { code: problem.code, message: problem.message, ...(problem.hint === undefined ? {} : { hint: problem.hint }) },
	});
}

/** Sets status and headers; the body's shape is the caller's. */
export function prepare(reply: FastifyReply, problem: Problem): FastifyReply {
	if (problem.retryAfterSeconds !== undefined) void reply.header('retry-after', String(problem.retryAfterSeconds));
	return reply.code(problem.status).type('application/json; charset=utf-8').header('cache-control', 'no-store').serializer(JSON.stringify);
}

export function logProblem(problem: Problem, error: unknown, request: FastifyRequest): void {
	if (problem.status < 500) return;
	const level = problem.status === 500 ? 'error' : 'warn';
	request.log[level]({ err: error, route: request.routeOptions.url, status: problem.status }, 'request failed');
}
