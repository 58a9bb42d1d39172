/** Cross-origin requests of browsers that send telemetry (Fetch standard, "CORS protocol"). Off unless origins are allowed. */

import type { IncomingHttpHeaders } from 'node:http';

const PREFLIGHT_MAX_AGE_S = '7200';

export interface Cors {
	/** Headers to add to any answer; empty for requests without an origin, or from one that is not allowed. */
	headers(request: IncomingHttpHeaders): Readonly<Record<string, string>>;
	/** The answer to an OPTIONS request that is a preflight from an allowed origin; undefined for any other. */
	preflight(request: IncomingHttpHeaders): Readonly<Record<string, string>> | undefined;
}

/** `allowed`: origins as browsers send them, e.g. `https://shop.example.com`; `*` stands for any run of characters. */
export function createCors(allowed: readonly string[]): Cors {
	const patterns = allowed.map((origin) => new RegExp(`^${origin.toLowerCase().split('*').map(escapeRegExp).join('.*')}$`));
	const allows = (origin: string | undefined): origin is string =>
		origin !== undefined && origin.length < 300 && patterns.some((pattern) => pattern.test(origin.toLowerCase()));
	const headers = (request: IncomingHttpHeaders): Readonly<Record<string, string>> => {
		if (patterns.length === 0) return {};
		// The origin itself rather than '*', which browsers refuse for requests with credentials.
		const vary = { vary: 'Origin' };
		return allows(request.origin) ? { ...vary, 'access-control-allow-origin': request.origin } : vary;
	};
	return {
		headers,
		preflight(request) {
			if (!allows(request.origin) || request['access-control-request-method'] === undefined) return undefined;
			return {
				...headers(request),
				'access-control-allow-methods': 'POST',
				'access-control-allow-headers': request['access-control-request-headers'] ?? 'content-type',
				'access-control-max-age': PREFLIGHT_MAX_AGE_S,
			};
		},
	};
}

function escapeRegExp(text: string): string {
	return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
