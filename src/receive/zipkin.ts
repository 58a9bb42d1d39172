/**
 * Zipkin v2 JSON: POST /api/v2/spans, by default on 9411 and off. Spans become OTLP and take the same way; answers are Zipkin's: 202
 * without a body, errors as plain text.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Failure } from '../base/errors.ts';
import { zipkinToOtlpJson } from '../otlp/zipkin.ts';
import { answerTo, asFailure, WrongMethod } from './answers.ts';
import { type BodySizes, readInflated } from './http-body.ts';
import { drainLate, listenHttp } from './http-listen.ts';
import { parseCoding } from './inflate.ts';
import { DEFAULT_RECEIVER_LIMITS, type Receiver, type ReceiverLimits, type ReceiverOptions, RequestLedger } from './receiver.ts';

const PATH = '/api/v2/spans';

/** Starts listening. Throws `Failure('conflict')` when the address is taken. */
export async function startZipkinReceiver(options: ReceiverOptions): Promise<Receiver> {
	const limits = { ...DEFAULT_RECEIVER_LIMITS, ...options.limits };
	const ledger = new RequestLedger('zipkin', options);
	const handle = (request: IncomingMessage, response: ServerResponse): void => void answer(request, response, options, limits, ledger);
	const receiver = await listenHttp({ transport: 'zipkin', options, limits, ledger, handle });
	options.log.info({ host: options.host, port: receiver.port }, 'receiving Zipkin v2 JSON');
	return receiver;
}

/** Answers one request. Never rejects. */
async function answer(
	request: IncomingMessage,
	response: ServerResponse,
	options: ReceiverOptions,
	limits: ReceiverLimits,
	ledger: RequestLedger,
): Promise<void> {
	request.on('error', () => {}); // 'close' follows and is what we act on.
	response.on('error', () => {});
	const startMs = ledger.nowMs();
	const sizes = { wireBytes: 0, inflatedBytes: 0 };
	let outcome = 'ok';
	try {
		requireZipkin(request);
		if (request.headers.expect !== undefined) response.writeContinue();
		outcome = await take(request, options, limits, sizes);
		send(request, response, 202, '');
	} catch (error) {
		const failure = asFailure(error);
		outcome = failure.code;
		ledger.refused(failure, { transport: 'zipkin', from: request.socket.remoteAddress, userAgent: request.headers['user-agent'] });
		const { http, message, retryAfterMs } = answerTo(failure, limits.retryAfterMs);
		if (failure.code === 'cancelled' && !failure.retryable) response.destroy();
		else send(request, response, http, `${message}\n`, retryAfterMs);
	}
	ledger.answered({ signal: 'traces', outcome, ...sizes, startMs });
}

function requireZipkin({ method, url = '', headers }: IncomingMessage): void {
	if (url.split('?', 1)[0] !== PATH) throw new Failure('not_found', `Zipkin v2 JSON is received with POST at ${PATH}`);
	if (method !== 'POST') throw new WrongMethod(method ?? '');
	const type = (headers['content-type'] ?? 'application/json').toLowerCase().split(';', 1)[0]?.trim();
	if (type !== 'application/json')
		throw new Failure('unsupported', `Content-Type '${type?.slice(0, 100)}' is not supported; send Zipkin v2 as application/json`);
}

async function take(
	request: IncomingMessage,
	{ ingest, inFlight, clock }: ReceiverOptions,
	limits: ReceiverLimits,
	sizes: BodySizes,
): Promise<string> {
	const coding = parseCoding(request.headers['content-encoding']);
	const lease = inFlight.lease();
	try {
		const body = await readInflated(request, coding, limits, lease, sizes);
		const exporting = ingest.export('traces', 'json', zipkinToOtlpJson(body.bytes(), clock.nowMs()));
		body.forget();
		const { accepted, rejected, message } = await exporting;
		// Zipkin has no partial success: only a request of which nothing was kept is an error.
		if (accepted === 0 && rejected > 0) throw new Failure('invalid_argument', message);
		return rejected > 0 ? 'partial' : 'ok';
	} finally {
		lease.release();
	}
}

function send(request: IncomingMessage, response: ServerResponse, status: number, body: string, retryAfterMs?: number): void {
	if (response.destroyed) return;
	response.writeHead(status, {
		'content-type': 'text/plain; charset=utf-8',
		'content-length': Buffer.byteLength(body),
		'x-content-type-options': 'nosniff',
		...(status === 405 ? { allow: 'POST' } : {}),
		...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }),
	});
	response.end(body);
	drainLate(request);
}
