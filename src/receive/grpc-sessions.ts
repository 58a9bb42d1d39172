/** An HTTP/2 server within the receivers' limits: connections, streams, headers, silence and its own end are bounded. */

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net';
import { cannotListen, type Receiver, type ReceiverLimits, type ReceiverOptions, type RequestLedger } from './receiver.ts';

/** Calls of one connection at once; what a client has more waits at the client's. */
const STREAMS_MAX = 256;
const HEADER_BYTES_MAX = 16 * 1024;
/** Bytes a sender may be ahead of us, of one call and of one connection. The protocol's 64 KiB would make a distant sender wait for each. */
const STREAM_WINDOW_BYTES = 512 * 1024;
const SESSION_WINDOW_BYTES = 1024 * 1024;
const PING_EVERY_MS = 60_000;
const PING_ANSWER_MS = 20_000;

export interface Http2Listener {
	readonly options: ReceiverOptions;
	readonly limits: ReceiverLimits;
	readonly ledger: RequestLedger;
	readonly handle: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
}

/** Starts listening. Throws `Failure('conflict')` when the address is taken. */
export async function listenHttp2({ options, limits, ledger, handle }: Http2Listener): Promise<Receiver> {
	const server = createServer({
		settings: {
			maxConcurrentStreams: STREAMS_MAX,
			maxHeaderListSize: HEADER_BYTES_MAX,
			initialWindowSize: STREAM_WINDOW_BYTES,
			enablePush: false,
		},
	});
	/** Each connection with its session. The socket is the way to end one: a session that was never heard of does not survive its `destroy`. */
	const sessions = new Map<Socket, ServerHttp2Session>();
	const listener = createNetServer({ noDelay: true }, (socket) => {
		server.once('session', (session) => {
			sessions.set(socket, session);
			keep(session, socket, limits);
		});
		socket.once('close', () => sessions.delete(socket));
		server.emit('connection', socket);
	});
	listener.maxConnections = limits.connectionsMax;
	listener.on('drop', () => ledger.dropped());
	server.on('stream', handle);
	server.on('sessionError', (error) => options.log.debug({ error }, 'a gRPC connection broke'));
	listener.listen(options.port, options.host);
	try {
		await once(listener, 'listening');
	} catch (cause) {
		throw cannotListen('grpc', options.host, options.port, cause);
	}
	const { port } = listener.address() as AddressInfo;
	options.log.info({ host: options.host, port }, 'receiving OTLP/gRPC');
	let stopped: Promise<void> | undefined;
	const stop = async (): Promise<void> => {
		const closed = once(listener, 'close');
		listener.close();
		for (const [socket, session] of sessions) {
			// One that never said anything does not answer a good-bye either.
			if (socket.bytesRead === 0) socket.destroy();
			else session.close();
		}
		const force = setTimeout(() => {
			for (const socket of sessions.keys()) socket.destroy();
		}, limits.stopTimeoutMs);
		await closed;
		clearTimeout(force);
	};
	return {
		port,
		stop: () => {
			stopped ??= stop();
			return stopped;
		},
	};
}

/** Ends a connection that has nothing to say, or does not answer. */
function keep(session: ServerHttp2Session, socket: Socket, limits: ReceiverLimits): void {
	session.on('error', () => {}); // 'close' follows.
	session.setLocalWindowSize(SESSION_WINDOW_BYTES);
	const end = (): void => void socket.destroy();
	// First its settings are due, as headers are of HTTP/1.1.
	const silent = setTimeout(end, limits.headersTimeoutMs);
	let ping: NodeJS.Timeout | undefined;
	let late: NodeJS.Timeout | undefined;
	session.once('remoteSettings', () => {
		clearTimeout(silent);
		session.setTimeout(limits.idleTimeoutMs, () => session.close());
		ping = setInterval(() => {
			late = setTimeout(end, PING_ANSWER_MS);
			session.ping(() => clearTimeout(late));
		}, PING_EVERY_MS);
	});
	socket.once('close', () => {
		clearTimeout(silent);
		clearInterval(ping);
		clearTimeout(late);
	});
}
