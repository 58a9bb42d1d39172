/**
 * gRPC over bare HTTP/2 streams (gRPC over HTTP2, "PROTOCOL-HTTP2.md"), so that length prefixes, flags, content types and methods can
 * be wrong. A message on the wire is: compressed flag (1 byte), length (4 bytes, big endian), bytes.
 */

import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { gunzipSync, inflateSync } from 'node:zlib';
import { decodeStatus, type Status } from './protocol.ts';

export interface GrpcAnswer {
	readonly httpStatus: number;
	/** Undefined when the stream ended without one. */
	readonly code: number | undefined;
	readonly message: string;
	/** From `grpc-status-details-bin`. */
	readonly status: Status | undefined;
	readonly bodies: readonly Buffer[];
	readonly headers: Readonly<Record<string, string>>;
	/** The code of RST_STREAM when the server reset the stream; 0 when it did not, or said NO_ERROR. */
	readonly reset: number;
	readonly timedOut: boolean;
}

export interface GrpcCall {
	readonly headers: Readonly<Record<string, string>>;
	/** Messages with their prefixes. */
	readonly bytes: Buffer;
}

export function frame(body: Buffer, flag: number, length: number = body.length): Buffer {
	const prefix = Buffer.alloc(5);
	prefix[0] = flag;
	prefix.writeUInt32BE(length >>> 0, 1);
	return Buffer.concat([prefix, body]);
}

/** One connection to a server, opened when needed and again when the server has closed it. */
export class GrpcConnection {
	private readonly url: string;
	private session: ClientHttp2Session | undefined;

	constructor(url: string) {
		this.url = url;
	}

	close(): void {
		this.session?.destroy();
		this.session = undefined;
	}

	call({ headers, bytes }: GrpcCall, timeoutMs: number): Promise<GrpcAnswer> {
		const session = this.open();
		const stream = session.request(headers, { endStream: false });
		return readAnswer(stream, bytes, timeoutMs);
	}

	private open(): ClientHttp2Session {
		if (this.session !== undefined && !this.session.closed && !this.session.destroyed) return this.session;
		const session = connect(this.url, { maxSessionMemory: 1000, settings: { initialWindowSize: 1 << 20 } });
		session.on('error', () => {});
		this.session = session;
		return session;
	}
}

function readAnswer(stream: ClientHttp2Stream, bytes: Buffer, timeoutMs: number): Promise<GrpcAnswer> {
	return new Promise((resolve) => {
		let seen: Record<string, string> = {};
		const chunks: Buffer[] = [];
		const keep = (headers: IncomingHttpHeaders): void => {
			seen = { ...seen, ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])) };
		};
		let timedOut = false;
		const timer = setTimeout(() => {
			timedOut = true;
			stream.close();
		}, timeoutMs);
		stream.on('response', keep).on('trailers', keep);
		stream.on('data', (chunk: Buffer) => chunks.push(chunk));
		stream.on('error', () => {});
		stream.on('close', () => {
			clearTimeout(timer);
			const code = seen['grpc-status'];
			const details = seen['grpc-status-details-bin'];
			resolve({
				httpStatus: Number(seen[':status'] ?? 0),
				code: code === undefined ? undefined : Number(code),
				message: percentDecoded(seen['grpc-message'] ?? ''),
				status: details === undefined ? undefined : decodeStatus('protobuf', Buffer.from(details, 'base64')),
				bodies: unframe(Buffer.concat(chunks), seen['grpc-encoding']),
				headers: seen,
				reset: stream.rstCode,
				timedOut,
			});
		});
		stream.end(bytes);
	});
}

function unframe(bytes: Buffer, encoding: string | undefined): Buffer[] {
	const bodies: Buffer[] = [];
	for (let at = 0; at + 5 <= bytes.length; ) {
		const end = at + 5 + bytes.readUInt32BE(at + 1);
		const body = bytes.subarray(at + 5, end);
		const compressed = bytes[at] === 1;
		bodies.push(!compressed ? body : encoding === 'deflate' ? inflateSync(body) : gunzipSync(body));
		at = end;
	}
	return bodies;
}

function percentDecoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}
