/** What cannot be parsed as HTTP/1.1, or takes too long to become a request, is still answered with a `google.rpc.Status`. */

import type { Duplex } from 'node:stream';
import type { Log } from '../base/log.ts';
import { encodeStatus, GRPC_STATUS, type GrpcStatusCode } from '../otlp/response.ts';

interface Breach {
	readonly status: string;
	readonly code: GrpcStatusCode;
	readonly message: string;
}

const BREACHES: Readonly<Record<string, Breach>> = {
	ERR_HTTP_REQUEST_TIMEOUT: {
		status: '408 Request Timeout',
		code: GRPC_STATUS.deadlineExceeded,
		message: 'the request did not arrive in time',
	},
	HPE_HEADER_OVERFLOW: {
		status: '431 Request Header Fields Too Large',
		code: GRPC_STATUS.resourceExhausted,
		message: 'the headers are too large',
	},
	HPE_PAUSED_H2_UPGRADE: {
		status: '400 Bad Request',
		code: GRPC_STATUS.invalidArgument,
		message: 'this port speaks HTTP/1.1; gRPC is received on the other OTLP port, by default 4317',
	},
};

/** How long a sender may go on after its answer. */
const LINGER_MS = 2_000;

export function refuseBrokenHttp(error: NodeJS.ErrnoException, socket: Duplex, log: Log): void {
	// Answered already: what still arrives is not HTTP either, and closing with bytes unread would destroy the answer on its way.
	if (socket.writableEnded && !socket.destroyed && error.code !== 'ECONNRESET') return;
	if (error.code === 'ECONNRESET' || !socket.writable) {
		socket.destroy();
		return;
	}
	const known = Object.hasOwn(BREACHES, error.code ?? '') ? BREACHES[error.code ?? ''] : undefined;
	const { status, code, message } = known ?? {
		status: '400 Bad Request',
		code: GRPC_STATUS.invalidArgument,
		message: 'this is not a valid HTTP/1.1 request',
	};
	log.debug({ error: error.code }, message);
	const body = encodeStatus('json', { code, message });
	const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
	socket.end(Buffer.concat([Buffer.from(head), body]));
	const cut = setTimeout(() => socket.destroy(), LINGER_MS);
	socket.once('close', () => clearTimeout(cut));
}
