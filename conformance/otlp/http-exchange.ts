/** HTTP/1.1 over a bare socket: sends exactly the bytes it is given, also those no client library would, and reads whatever comes back. */

import { connect, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface HttpAnswer {
	readonly status: number;
	/** Names in lower case; of repeated headers the last. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Buffer;
}

export type Sending = { readonly bytes: Buffer } | { readonly pauseMs: number };

export interface Exchange {
	readonly answers: readonly HttpAnswer[];
	/** Statuses of 1xx answers. */
	readonly interim: readonly number[];
	/** The server closed the connection within `LINGER_MS` after its last answer. */
	readonly closed: boolean;
	/** Bytes behind the answers waited for. */
	readonly rest: Buffer;
	readonly timedOut: boolean;
}

const CHUNK_BYTES = 256 * 1024;
/** How long to look whether the connection stays open, where that matters. */
const LINGER_MS = 300;

export interface ExchangeOptions {
	readonly host: string;
	readonly port: number;
	/** Answers to wait for. */
	readonly answers: number;
	readonly timeoutMs: number;
	/** The request is HEAD: answers have no body. */
	readonly headOnly?: boolean;
	/** Wait a while for the server to close. */
	readonly watchClose?: boolean;
}

export function exchange(sendings: readonly Sending[], options: ExchangeOptions): Promise<Exchange> {
	return new Promise((resolve) => {
		const socket = connect({ host: options.host, port: options.port, noDelay: true });
		const reader = new AnswerReader(options.headOnly === true);
		let closed = false;
		let settled = false;
		let linger: NodeJS.Timeout | undefined;
		const finish = (timedOut: boolean): void => {
			if (settled) return;
			settled = true;
			clearTimeout(timer);
			clearTimeout(linger);
			socket.destroy();
			resolve({ answers: reader.answers, interim: reader.interim, closed, rest: reader.rest(), timedOut });
		};
		const timer = setTimeout(() => finish(true), options.timeoutMs);
		const enough = (): boolean => reader.answers.length >= options.answers;
		socket.on('data', (bytes: Buffer) => {
			reader.add(bytes);
			if (!enough() || linger !== undefined) return;
			linger = setTimeout(() => finish(false), options.watchClose === true ? LINGER_MS : 0);
		});
		// Being cut off while sending is the server's right; what it said before counts.
		socket.on('error', () => {});
		socket.on('close', () => {
			closed = true;
			reader.end();
			finish(false);
		});
		socket.on('connect', () => void sendAll(socket, sendings, () => settled || enough()));
	});
}

async function sendAll(socket: Socket, sendings: readonly Sending[], done: () => boolean): Promise<void> {
	for (const sending of sendings) {
		if ('pauseMs' in sending) {
			await new Promise((next) => setTimeout(next, sending.pauseMs));
			continue;
		}
		for (let from = 0; from < sending.bytes.length && !done() && !socket.destroyed; from += CHUNK_BYTES) {
			const free = socket.write(sending.bytes.subarray(from, from + CHUNK_BYTES));
			if (!free) await drained(socket, done);
		}
	}
}

function drained(socket: Socket, done: () => boolean): Promise<void> {
	return new Promise((next) => {
		const go = (): void => {
			clearInterval(watch);
			socket.off('drain', go).off('close', go);
			next();
		};
		const watch = setInterval(() => done() && go(), 20);
		socket.on('drain', go).on('close', go);
	});
}

/** Takes answers off a stream of bytes (RFC 9112, sections 4 to 7). */
class AnswerReader {
	readonly answers: HttpAnswer[] = [];
	readonly interim: number[] = [];
	private pending: Buffer = Buffer.alloc(0);
	private readonly headOnly: boolean;

	constructor(headOnly: boolean) {
		this.headOnly = headOnly;
	}

	add(bytes: Buffer): void {
		this.pending = Buffer.concat([this.pending, bytes]);
		while (this.takeAnswer(false));
	}

	/** The connection is closed: an answer of unknown length ends here. */
	end(): void {
		while (this.takeAnswer(true));
	}

	rest(): Buffer {
		return this.pending;
	}

	private takeAnswer(closed: boolean): boolean {
		const headEnd = this.pending.indexOf('\r\n\r\n');
		if (headEnd < 0) return false;
		const [first = '', ...lines] = this.pending.subarray(0, headEnd).toString('latin1').split('\r\n');
		const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
		if (status === 0) return false;
		const headers = Object.fromEntries(
			lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
		);
		const bodyStart = headEnd + 4;
		const framed = this.body(bodyStart, status, headers, closed);
		if (framed === undefined) return false;
		this.pending = this.pending.subarray(framed.end);
		if (status < 200) this.interim.push(status);
		else this.answers.push({ status, headers, body: headers['content-encoding'] === 'gzip' ? gunzipSync(framed.body) : framed.body });
		return true;
	}

	private body(
		start: number,
		status: number,
		headers: Readonly<Record<string, string>>,
		closed: boolean,
	): { body: Buffer; end: number } | undefined {
		if (status < 200 || status === 204 || status === 304 || this.headOnly) return { body: Buffer.alloc(0), end: start };
		if (headers['transfer-encoding']?.toLowerCase() === 'chunked') return this.chunked(start);
		const length = headers['content-length'];
		const end = length === undefined ? (closed ? this.pending.length : Number.POSITIVE_INFINITY) : start + Number(length);
		return end <= this.pending.length ? { body: this.pending.subarray(start, end), end } : undefined;
	}

	private chunked(start: number): { body: Buffer; end: number } | undefined {
		const chunks: Buffer[] = [];
		for (let at = start; ; ) {
			const lineEnd = this.pending.indexOf('\r\n', at);
			if (lineEnd < 0) return undefined;
			const size = Number.parseInt(this.pending.subarray(at, lineEnd).toString('latin1'), 16);
			const end = lineEnd + 2 + size + 2;
			if (Number.isNaN(size) || end > this.pending.length) return undefined;
			if (size === 0) return { body: Buffer.concat(chunks), end };
			chunks.push(this.pending.subarray(lineEnd + 2, end - 2));
			at = end;
		}
	}
}
