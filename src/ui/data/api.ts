/** One way to the API: typed by the contract, errors with a cause and a cure, cancellation passed through. */

import type { ErrorBody, PATHS as Paths } from '../../api/contract.ts';

/** The contract's paths the UI asks, repeated so that its schemas stay out of the bundle; the type makes any difference a compile error. */
export const PATHS = {
	status: '/api/v1/status',
	pipeline: '/api/v1/pipeline',
	services: '/api/v1/services',
	operations: '/api/v1/services/:service/operations',
	traces: '/api/v1/traces',
	trace: '/api/v1/traces/:traceId',
	span: '/api/v1/traces/:traceId/spans/:spanId',
	traceLogs: '/api/v1/traces/:traceId/logs',
	traceOtlp: '/api/v1/traces/:traceId/otlp',
} as const satisfies Partial<typeof Paths>;

/** Why a request failed, in words for the screen. */
export class ApiFailure extends Error {
	readonly code: string;
	readonly hint: string | undefined;
	/** HTTP status; 0 when nobody answered. */
	readonly status: number;

	constructor(status: number, code: string, message: string, hint?: string) {
		super(message);
		this.name = 'ApiFailure';
		this.status = status;
		this.code = code;
		this.hint = hint;
	}
}

export type QueryValue = string | number | readonly string[] | undefined;

/** Fills `:name` parts of a path template and appends the query; undefined values are left out, lists repeat their key. */
export function apiUrl(
	template: string,
	params: Readonly<Record<string, string>> = {},
	query: Readonly<Record<string, QueryValue>> = {},
): string {
	const path = template.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
	const search = new URLSearchParams();
	for (const [key, value] of Object.entries(query)) {
		if (value === undefined || value === '') continue;
		if (typeof value === 'object') for (const item of value) search.append(key, item);
		else search.set(key, String(value));
	}
	const text = search.toString();
	return text === '' ? path : `${path}?${text}`;
}

export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
	let response: Response;
	try {
		response = await fetch(url, { headers: { accept: 'application/json' }, ...(signal === undefined ? {} : { signal }) });
	} catch (cause) {
		if (signal?.aborted === true) throw cause;
		throw new ApiFailure(0, 'unreachable', 'The platform does not answer.', 'Check that it is running and that this machine can reach it.');
	}
	if (response.ok) return (await response.json()) as T;
	throw await failureOf(response);
}

async function failureOf(response: Response): Promise<ApiFailure> {
	try {
		const { error } = (await response.json()) as ErrorBody;
		return new ApiFailure(response.status, error.code, error.message, error.hint);
	} catch {
		return new ApiFailure(response.status, 'internal', `The platform answered ${response.status} ${response.statusText}.`);
	}
}
