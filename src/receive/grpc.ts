/**
 * OTLP/gRPC: the three Export methods, over `node:http2` itself. Three unary methods with raw messages need little of a gRPC library, and a
 * library assembles and inflates a message before anyone can count it: a hundred small calls could become gigabytes. Here every byte
 * is leased from the budget of all requests as it arrives and as it inflates.
 *
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */

import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Failure } from '../base/errors.ts';
import type { Signal } from '../model/schema.ts';
import { encodeExportResponse, encodeStatus, GRPC_STATUS, type GrpcStatusCode, MESSAGE_CHARS_MAX } from '../otlp/response.ts';
import { answerTo, asFailure } from './answers.ts';
import { BrokenCall, readMessage } from './grpc-message.ts';
import { listenHttp2 } from './grpc-sessions.ts';
import type { Coding } from './inflate.ts';
import type { ExportResult } from './ingest.ts';
import { DEFAULT_RECEIVER_LIMITS, type Receiver, type ReceiverLimits, type ReceiverOptions, RequestLedger } from './receiver.ts';

const METHODS: ReadonlyMap<string, Signal> = new Map([
	['/opentelemetry.proto.collector.trace.v1.TraceService/Export', 'traces'],
	['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', 'metrics'],
	['/opentelemetry.proto.collector.logs.v1.LogsService/Export', 'logs'],
]);

/** Answered as what it is, an unknown method, but with where to send instead. */
const JAEGER_METHOD = '/jaeger.api_v2.CollectorService/PostSpans';
const JAEGER_REFUSAL =
	"Jaeger's gRPC protocol is not received; send OTLP/gRPC to this port, as Jaeger's own agents and SDKs can (their OTLP exporter)";

const CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;
const CODINGS: ReadonlyMap<string, Coding | undefined> = new Map([
	['identity', undefined],
	['gzip', 'gzip'],
	['deflate', 'deflate'],
]);
const CODINGS_ACCEPTED = [...CODINGS.keys()].join(',');
const UNCOMPRESSED = 0;

/** Starts listening. Throws `Failure('conflict')` when the address is taken. */
export async function startGrpcReceiver(options: ReceiverOptions): Promise<Receiver> {
	const limits = { ...DEFAULT_RECEIVER_LIMITS, ...options.limits };
	const ledger = new RequestLedger('grpc', options);
	const calls = new Calls(options, limits, ledger);
	return await listenHttp2({ options, limits, ledger, handle: (stream, headers) => void calls.handle(stream, headers) });
}

class Calls {
	readonly #options: ReceiverOptions;
	readonly #limits: ReceiverLimits;
	readonly #ledger: RequestLedger;

	constructor(options: ReceiverOptions, limits: ReceiverLimits, ledger: RequestLedger) {
		this.#options = options;
		this.#limits = limits;
		this.#ledger = ledger;
	}

	/** Answers one call. Never rejects. */
	async handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
		stream.on('error', () => {}); // 'close' follows and is what we act on.
		const startMs = this.#ledger.nowMs();
		const path = headers[':path'] ?? '';
		const signal = METHODS.get(path);
		const coding = headers['grpc-encoding'] ?? 'identity';
		const sizes = { wireBytes: 0, inflatedBytes: 0 };
		let outcome = 'unsupported';
		if (headers[':method'] !== 'POST') end(stream, { ':status': 405 });
		else if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) end(stream, { ':status': 415 });
		else if (signal === undefined) refuse(stream, GRPC_STATUS.unimplemented, path === JAEGER_METHOD ? JAEGER_REFUSAL : unknownMethod(path));
		else if (typeof coding !== 'string' || !CODINGS.has(coding))
			refuse(
				stream,
				GRPC_STATUS.unimplemented,
				`grpc-encoding ${String(coding).slice(0, 100)} is not supported; use one of: ${CODINGS_ACCEPTED}`,
			);
		else outcome = await this.#export(signal, CODINGS.get(coding), stream, sizes);
		this.#ledger.answered({ signal: signal ?? 'none', outcome, ...sizes, startMs });
	}

	async #export(
		signal: Signal,
		coding: Coding | undefined,
		stream: ServerHttp2Stream,
		sizes: { wireBytes: number; inflatedBytes: number },
	): Promise<string> {
		const { requestBytesMax, bodyTimeoutMs } = this.#limits;
		const from = stream.session?.socket.remoteAddress;
		const lease = this.#options.inFlight.lease();
		try {
			const message = await readMessage(stream, coding, requestBytesMax, bodyTimeoutMs, lease, (bytes) => {
				sizes.wireBytes = bytes;
			});
			sizes.inflatedBytes = message.length;
			const exporting = this.#options.ingest.export(signal, 'protobuf', message.bytes());
			message.forget();
			const result = await exporting;
			succeed(stream, encodeExportResponse(signal, 'protobuf', result));
			return outcomeOf(result);
		} catch (error) {
			const failure = asFailure(error);
			this.#ledger.refused(failure, { transport: 'grpc', signal, from });
			fail(stream, failure, this.#limits.retryAfterMs);
			return failure.code;
		} finally {
			lease.release();
		}
	}
}

function outcomeOf(result: ExportResult): string {
	return result.rejected > 0 ? 'partial' : 'ok';
}

function unknownMethod(path: string): string {
	return `there is no method ${path.slice(0, 200)} here; OTLP has ${[...METHODS.keys()].join(', ')}`;
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': CODINGS_ACCEPTED } as const;

function succeed(stream: ServerHttp2Stream, response: Uint8Array): void {
	if (stream.destroyed || stream.closed) return;
	const frame = Buffer.alloc(5 + response.length);
	frame.writeUInt8(UNCOMPRESSED, 0);
	frame.writeUInt32BE(response.length, 1);
	frame.set(response, 5);
	stream.respond(HEAD, { waitForTrailers: true });
	stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(GRPC_STATUS.ok) }));
	stream.end(frame);
}

/** `grpc-status-details-bin` carries the whole `google.rpc.Status`; of its details senders read RetryInfo. */
function fail(stream: ServerHttp2Stream, failure: Failure, retryAfterMs: number): void {
	const answer = answerTo(failure, retryAfterMs);
	const code = failure instanceof BrokenCall ? GRPC_STATUS.internal : answer.grpc;
	const message = shortened(answer.message);
	const details = encodeStatus('protobuf', { ...answer, code, message });
	refuse(stream, code, message, { 'grpc-status-details-bin': Buffer.from(details).toString('base64').replace(/=+$/, '') });
}

/** An answer of headers alone ("Trailers-Only"). */
function refuse(stream: ServerHttp2Stream, code: GrpcStatusCode, message: string, more: Readonly<Record<string, string>> = {}): void {
	end(stream, { ...HEAD, 'grpc-status': String(code), 'grpc-message': percentEncoded(shortened(message)), ...more });
}

/** Answers, and asks the sender not to go on (RFC 9113, 8.1: an early answer is followed by RST_STREAM with NO_ERROR). */
function end(stream: ServerHttp2Stream, headers: Readonly<Record<string, string | number>>): void {
	if (stream.destroyed || stream.closed) return;
	stream.respond(headers, { endStream: true });
	if (!stream.readableEnded) stream.resume();
}

/** Well-formed, and short enough for any client's header limit. */
function shortened(message: string): string {
	return message.slice(0, MESSAGE_CHARS_MAX / 8).toWellFormed();
}

/** gRPC's: all but printable ASCII, and the percent sign. */
function percentEncoded(message: string): string {
	return message.replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}
