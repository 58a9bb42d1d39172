/**
 * OTLP/HTTP: POST /v1/traces, /v1/metrics and /v1/logs, protobuf and JSON on one port. It runs on `node:http` itself: three routes with
 * raw bodies need no framework, and every byte and second a sender can cost is bounded here in plain sight.
 *
 * Answers carry the content type of the request. Errors are `google.rpc.Status` bodies in the same encoding; where the request's
 * content type is missing or unknown, in JSON, which people can read.
 */

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Failure } from '../base/errors.ts';
import type { Signal } from '../model/schema.ts';
import { encodeExportResponse, encodeStatus } from '../otlp/response.ts';
import { answerTo, asFailure, WrongMethod } from './answers.ts';
import { tooLarge } from './body.ts';
import { type Cors, createCors } from './cors.ts';
import { type BodySizes, readInflated } from './http-body.ts';
import { drainLate, listenHttp } from './http-listen.ts';
import { notFound } from './http-paths.ts';
import { CODINGS_ACCEPTED, parseCoding } from './inflate.ts';
import type { Encoding, Ingest } from './ingest.ts';
import { DEFAULT_RECEIVER_LIMITS, type Receiver, type ReceiverLimits, type ReceiverOptions, RequestLedger } from './receiver.ts';

export interface HttpReceiverOptions extends ReceiverOptions {
	/** Browser origins that may send (CORS), `*` as wildcard; none by default. */
	readonly allowedOrigins?: readonly string[];
}

const SIGNALS: Readonly<Record<string, Signal>> = { '/v1/traces': 'traces', '/v1/metrics': 'metrics', '/v1/logs': 'logs' };

const CONTENT_TYPES: Readonly<Record<Encoding, string>> = { protobuf: 'application/x-protobuf', json: 'application/json' };

/** Starts listening. Throws `Failure('conflict')` when the address is taken. */
export async function startHttpReceiver(options: HttpReceiverOptions): Promise<Receiver> {
	const limits = { ...DEFAULT_RECEIVER_LIMITS, ...options.limits };
	const ledger = new RequestLedger('http', options);
	const requests = new HttpRequests(options, limits, createCors(options.allowedOrigins ?? []), ledger);
	const receiver = await listenHttp({
		transport: 'http',
		options,
		limits,
		ledger,
		handle: (request, response) => void requests.handle(request, response),
	});
	options.log.info({ host: options.host, port: receiver.port }, 'receiving OTLP/HTTP');
	return {
		port: receiver.port,
		stop: () => {
			requests.stopping = true;
			return receiver.stop();
		},
	};
}

interface Sent {
	readonly status: number;
	readonly body: Uint8Array;
	readonly contentType: string;
	readonly headers?: OutgoingHttpHeaders;
}

class HttpRequests {
	readonly #limits: ReceiverLimits;
	readonly #cors: Cors;
	readonly #ingest: Ingest;
	readonly #options: HttpReceiverOptions;
	readonly #ledger: RequestLedger;
	/** While true, every answer ends its connection. */
	stopping = false;

	constructor(options: HttpReceiverOptions, limits: ReceiverLimits, cors: Cors, ledger: RequestLedger) {
		this.#options = options;
		this.#ingest = options.ingest;
		this.#limits = limits;
		this.#cors = cors;
		this.#ledger = ledger;
	}

	/** Answers one request. Never rejects. */
	async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
		request.on('error', () => {}); // 'close' follows and is what we act on.
		response.on('error', () => {});
		const startMs = this.#ledger.nowMs();
		const preflight = request.method === 'OPTIONS' ? this.#cors.preflight(request.headers) : undefined;
		if (preflight !== undefined) {
			response.writeHead(204, preflight).end();
			return;
		}
		const path = pathOf(request.url ?? '');
		const signal = Object.hasOwn(SIGNALS, path) ? SIGNALS[path] : undefined;
		const sizes = { wireBytes: 0, inflatedBytes: 0 };
		let outcome: string;
		try {
			if (signal === undefined) throw notFound(path, request.headers.host);
			outcome = await this.#export(signal, request, response, sizes);
		} catch (error) {
			outcome = this.#refuse(asFailure(error), request, response, path);
		}
		this.#ledger.answered({ signal: signal ?? 'none', outcome, ...sizes, startMs });
	}

	async #export(signal: Signal, request: IncomingMessage, response: ServerResponse, sizes: BodySizes): Promise<string> {
		const { requestBytesMax } = this.#limits;
		if (request.method !== 'POST') throw new WrongMethod(request.method ?? '');
		const encoding = requireEncoding(request.headers['content-type']);
		const coding = parseCoding(request.headers['content-encoding']);
		if (Number(request.headers['content-length'] ?? 0) > requestBytesMax) throw tooLarge(requestBytesMax, 'on the wire');
		if (request.headers.expect !== undefined) response.writeContinue();
		const lease = this.#options.inFlight.lease();
		try {
			const body = await readInflated(request, coding, this.#limits, lease, sizes);
			const exporting = this.#ingest.export(signal, encoding, body.bytes());
			body.forget();
			const result = await exporting;
			this.#send(request, response, {
				status: 200,
				body: encodeExportResponse(signal, encoding, result),
				contentType: CONTENT_TYPES[encoding],
			});
			return result.rejected > 0 ? 'partial' : 'ok';
		} finally {
			lease.release();
		}
	}

	#refuse(failure: Failure, request: IncomingMessage, response: ServerResponse, path: string): string {
		const { method, headers, socket } = request;
		this.#ledger.refused(failure, {
			transport: 'http',
			method,
			path: path.slice(0, 200),
			contentType: headers['content-type'],
			from: socket.remoteAddress,
			userAgent: headers['user-agent'],
		});
		if (failure.code === 'cancelled' && !failure.retryable) {
			response.destroy();
			return failure.code;
		}
		const answer = answerTo(failure, this.#limits.retryAfterMs);
		const encoding = parseEncoding(headers['content-type']) ?? 'json';
		const status = answer.http;
		const more: Record<string, string> = {};
		if (status === 405) more.allow = 'POST';
		if (status === 415) more['accept-encoding'] = CODINGS_ACCEPTED;
		if (answer.retryAfterMs !== undefined) more['retry-after'] = String(Math.max(1, Math.ceil(answer.retryAfterMs / 1000)));
		const body = encodeStatus(encoding, { ...answer, code: answer.grpc });
		this.#send(request, response, { status, body, contentType: CONTENT_TYPES[encoding], headers: more });
		return failure.code;
	}

	#send(request: IncomingMessage, response: ServerResponse, { status, body, contentType, headers }: Sent): void {
		if (response.destroyed) return;
		response.writeHead(status, {
			...this.#cors.headers(request.headers),
			...headers,
			'content-type': contentType,
			'content-length': body.length,
			'x-content-type-options': 'nosniff',
			...(this.stopping || status === 408 ? { connection: 'close' } : {}),
		});
		response.end(body);
		drainLate(request);
	}
}

/** Of a request target, which may be a whole URL (RFC 9112, 3.2.2, "absolute-form"). */
function pathOf(target: string): string {
	return target.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0] ?? '';
}

/** Undefined when it is neither of the two, or JSON in another charset than the only one JSON has. */
function parseEncoding(contentType: string | undefined): Encoding | undefined {
	const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
	if (type.trim() === 'application/x-protobuf') return 'protobuf';
	if (type.trim() !== 'application/json') return undefined;
	const charset = parameters
		.map((parameter) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1])
		.find((found) => found !== undefined);
	return charset === undefined || ['utf-8', 'utf8', 'us-ascii'].includes(charset) ? 'json' : undefined;
}

function requireEncoding(contentType: string | undefined): Encoding {
	const encoding = parseEncoding(contentType);
	if (encoding !== undefined) return encoding;
	const grpc = contentType?.startsWith('application/grpc') === true ? '; gRPC is received on the other OTLP port, by default 4317' : '';
	const what = contentType === undefined ? 'a Content-Type is required' : `Content-Type '${contentType.slice(0, 100)}' is not supported`;
	throw new Failure('unsupported', `${what}; use application/x-protobuf or application/json (UTF-8)${grpc}`);
}
