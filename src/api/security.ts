/**
 * Headers and checks that keep other sites out: a strict content policy for the UI, no framing, no sniffing, and for a server bound
 * to loopback a check of the Host header, because a hostile page may point its own name at 127.0.0.1 (DNS rebinding) and read
 * telemetry through the browser as if it were its own. IP addresses need no check: they cannot be re-pointed.
 */

import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { sendProblem } from './errors.ts';

/** Nothing inline, neither scripts nor styles: the UI sets styles through the DOM, which the policy does not touch. */
const CONTENT_SECURITY_POLICY = [
	"default-src 'self'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self' data:",
	"font-src 'self'",
	"connect-src 'self'",
	"worker-src 'self' blob:",
	"object-src 'none'",
	"base-uri 'none'",
	"form-action 'self'",
	"frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
	'content-security-policy': CONTENT_SECURITY_POLICY,
	'x-content-type-options': 'nosniff',
	'x-frame-options': 'DENY',
	'referrer-policy': 'same-origin',
	'cross-origin-resource-policy': 'same-origin',
	'cross-origin-opener-policy': 'same-origin',
};

/** Longest URL answered; the longest the UI writes (20 attribute filters) is about half of it. */
const URL_LENGTH_MAX = 8_192;

export interface HostRule {
	readonly bindHost: string;
	readonly allowedHosts: readonly string[];
}

export function registerSecurity(app: FastifyInstance, rule: HostRule): void {
	app.addHook('onRequest', async (request, reply) => {
		void reply.headers(HEADERS);
		if (request.url.length > URL_LENGTH_MAX)
			return sendProblem(
				Object.assign(new Error(`the URL has ${request.url.length} characters, at most ${URL_LENGTH_MAX} are read`), { statusCode: 414 }),
				request,
				reply,
			);
		if (!hostAllowed(request.headers.host, rule))
			return sendProblem(
				Object.assign(
					new Error(
						`Host '${String(request.headers.host).slice(0, 100)}' is not served here; use localhost, or add the name to api.allowedHosts`,
					),
					{ statusCode: 403 },
				),
				request,
				reply,
			);
		return undefined;
	});
}

/** Whether a request with this Host header may be answered. */
export function hostAllowed(header: string | undefined, { bindHost, allowedHosts }: HostRule): boolean {
	if (!isLoopback(bindHost) && allowedHosts.length === 0) return true;
	if (header === undefined) return true; // HTTP/1.0: no browser
	const name = hostName(header);
	if (name === undefined) return false;
	return (
		name === 'localhost' ||
		name.endsWith('.localhost') ||
		isIP(name) !== 0 ||
		allowedHosts.some((allowed) => allowed.toLowerCase() === name)
	);
}

function hostName(header: string): string | undefined {
	const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/.exec(header);
	return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '');
}

function isLoopback(host: string): boolean {
	return host === 'localhost' || host === '::1' || host === '[::1]' || host.startsWith('127.');
}
