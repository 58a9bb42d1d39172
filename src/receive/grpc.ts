/**
 * OTLP/gRPC: the three Export methods. @grpc/grpc-js speaks the protocol; messages stay bytes, as the decoder wants them. Connections
 * are accepted here and handed to it, so that their number is bounded and a port that is taken is a plain error.
 *
 * gzip and deflate are inflated by grpc-js, which stops at the same limit as for the message on the wire. It assembles a message before
 * anyone sees it, so the shared byte budget counts requests from then on; while one is on its way, the limits are the message size,
 * the streams of a connection, the connections, and the time a body may take.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import {
	Metadata,
	Server,
	ServerCredentials,
	ServerInterceptingCall,
	type ServerInterceptor,
	type ServerUnaryCall,
	type sendUnaryData,
	status,
} from '@grpc/grpc-js';
import type { Failure } from '../base/errors.ts';
import type { Signal } from '../model/schema.ts';
import { encodeExportResponse, encodeStatus, GRPC_STATUS, MESSAGE_CHARS_MAX } from '../otlp/response.ts';
import { answerTo, asFailure } from './answers.ts';
import type { ExportResult } from './ingest.ts';
import {
	cannotListen,
	DEFAULT_RECEIVER_LIMITS,
	type Receiver,
	type ReceiverLimits,
	type ReceiverOptions,
	RequestLedger,
} from './receiver.ts';

const METHODS: Readonly<Record<Signal, string>> = {
	traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
	metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
	logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
};

/** Answered as what it is, an unknown method, but with where to send instead. */
const JAEGER_METHOD = '/jaeger.api_v2.CollectorService/PostSpans';

const STREAMS_MAX = 256;
const PING_EVERY_MS = 60_000;
const PING_ANSWER_MS = 20_000;

type ExportCall = ServerUnaryCall<Buffer, Buffer>;

/** Starts listening. Throws `Failure('conflict')` when the address is taken. */
export async function startGrpcReceiver(options: ReceiverOptions): Promise<Receiver> {
	const limits = { ...DEFAULT_RECEIVER_LIMITS, ...options.limits };
	const ledger = new RequestLedger('grpc', options);
	const server = new Server({
		'grpc.max_receive_message_length': limits.requestBytesMax,
		'grpc.max_concurrent_streams': STREAMS_MAX,
		'grpc.keepalive_time_ms': PING_EVERY_MS,
		'grpc.keepalive_timeout_ms': PING_ANSWER_MS,
		'grpc.max_connection_idle_ms': limits.idleTimeoutMs,
		'grpc.enable_channelz': 0,
		interceptors: [boundBodyTime(limits.bodyTimeoutMs, ledger)],
	});
	for (const signal of Object.keys(METHODS) as Signal[]) {
		const handle = (call: ExportCall, callback: sendUnaryData<Buffer>): void =>
			void exportOne(signal, call, callback, options, limits, ledger);
		server.register<Buffer, Buffer>(METHODS[signal], handle, asIs, asIs, 'unary');
	}
	server.register<Buffer, Buffer>(
		JAEGER_METHOD,
		(_call: ExportCall, callback: sendUnaryData<Buffer>) => callback(refuseJaeger()),
		asIs,
		asIs,
		'unary',
	);
	const sockets = new Set<Socket>();
	const listener = await listen(options, limits, server, sockets);
	listener.on('drop', () => ledger.dropped());
	const { port } = listener.address() as AddressInfo;
	options.log.info({ host: options.host, port }, 'receiving OTLP/gRPC');
	let stopped: Promise<void> | undefined;
	return {
		port,
		stop: () => {
			stopped ??= stopServer(server, listener, sockets, limits.stopTimeoutMs);
			return stopped;
		},
	};
}

async function listen(options: ReceiverOptions, limits: ReceiverLimits, server: Server, sockets: Set<Socket>): Promise<NetServer> {
	const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
	const listener = createNetServer({ noDelay: true }, (socket) => {
		sockets.add(socket);
		socket.once('close', () => sockets.delete(socket));
		injector.injectConnection(socket);
	});
	listener.maxConnections = limits.connectionsMax;
	listener.listen(options.port, options.host);
	try {
		await once(listener, 'listening');
	} catch (cause) {
		throw cannotListen('grpc', options.host, options.port, cause);
	}
	return listener;
}

/** Tells clients to go away after the calls under way; when time is up, ends those too. */
async function stopServer(server: Server, listener: NetServer, sockets: Set<Socket>, timeoutMs: number): Promise<void> {
	const closed = once(listener, 'close');
	listener.close();
	const force = setTimeout(() => {
		server.forceShutdown();
		for (const socket of sockets) socket.destroy();
	}, timeoutMs);
	// Its callback comes too early on Node 24, where closing an HTTP/2 server marks sessions as closed; the listener knows when they are.
	server.tryShutdown(() => {});
	// A connection that never said anything does not answer the good-bye either.
	for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
	await closed;
	clearTimeout(force);
}

function refuseJaeger(): { code: number; details: string } {
	const details =
		"Jaeger's gRPC protocol is not received; send OTLP/gRPC to this port, as Jaeger's own agents and SDKs can (their OTLP exporter)";
	return { code: status.UNIMPLEMENTED, details };
}

async function exportOne(
	signal: Signal,
	call: ExportCall,
	callback: sendUnaryData<Buffer>,
	options: ReceiverOptions,
	limits: ReceiverLimits,
	ledger: RequestLedger,
): Promise<void> {
	const startMs = ledger.nowMs();
	const body = call.request;
	const lease = options.inFlight.lease();
	let outcome: string;
	try {
		lease.take(body.length);
		const result: ExportResult = await options.ingest.export(signal, 'protobuf', body);
		callback(null, Buffer.from(encodeExportResponse(signal, 'protobuf', result)));
		outcome = result.rejected > 0 ? 'partial' : 'ok';
	} catch (error) {
		const failure = asFailure(error);
		ledger.refused(failure, { transport: 'grpc', signal, from: call.getPeer() });
		callback(grpcError(failure, limits.retryAfterMs));
		outcome = failure.code;
	} finally {
		lease.release();
	}
	ledger.answered({ signal, outcome, wireBytes: 0, inflatedBytes: body.length, startMs });
}

/** `grpc-status-details-bin` carries the whole `google.rpc.Status`; of its details senders read RetryInfo. */
function grpcError(failure: Failure, retryAfterMs: number): { code: number; details: string; metadata: Metadata } {
	const answer = answerTo(failure, retryAfterMs);
	// The message travels percent-encoded in a header: well-formed, and short enough for any client's header limit.
	const message = answer.message.toWellFormed().slice(0, MESSAGE_CHARS_MAX / 8);
	const metadata = new Metadata();
	const status = encodeStatus('protobuf', { ...answer, code: answer.grpc, message });
	metadata.set('grpc-status-details-bin', Buffer.from(status));
	return { code: answer.grpc, details: message.toWellFormed(), metadata };
}

/**
 * Ends calls whose message does not arrive in time (a deadline is the client's to set, and a hostile one sets none), and counts
 * those that grpc-js ends by itself: too large, not inflatable, or given up by the client.
 */
function boundBodyTime(timeoutMs: number, ledger: RequestLedger): ServerInterceptor {
	return (_method, call) => {
		const startMs = ledger.nowMs();
		let waiting = true;
		const ended = (outcome?: string): void => {
			clearTimeout(timer);
			if (waiting && outcome !== undefined) ledger.answered({ signal: 'none', outcome, wireBytes: 0, inflatedBytes: 0, startMs });
			waiting = false;
		};
		const timer = setTimeout(() => {
			ended('timeout');
			call.sendStatus({ code: GRPC_STATUS.deadlineExceeded, details: `the request did not arrive within ${timeoutMs} ms` });
		}, timeoutMs);
		return new ServerInterceptingCall(call, {
			start: (next) =>
				next({
					onReceiveMetadata: (metadata, pass) => pass(metadata),
					onReceiveMessage: (message, pass) => {
						ended();
						pass(message);
					},
					onReceiveHalfClose: (pass) => pass(),
					onCancel: () => ended('not_received'),
				}),
		});
	};
}

function asIs(bytes: Buffer): Buffer {
	return bytes;
}
