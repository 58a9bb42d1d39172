/**
 * The OTLP/HTTP receiver the kits export to. Each scenario of each kit has a base URL of its own, so telemetry that arrives late or
 * goes astray is found where it belongs. It decodes with protobufjs, not with the platform's code, and may misbehave as told.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { REQUEST_TYPE, RESPONSE_TYPE } from '../../test/otlp/reference.ts';

type Signal = 'traces' | 'metrics' | 'logs';

/** An OTLP message as protobufjs gives it: lowerCamelCase, 64-bit integers as decimal strings, bytes as Buffer. */
export type Message = Readonly<Record<string, unknown>>;

/** What came. */
export interface Sent {
	readonly traces: Message[];
	readonly metrics: Message[];
	readonly logs: Message[];
	/** What was wrong with requests themselves: encoding, path, body. */
	readonly problems: string[];
}

export interface Inbox extends Sent {
	/** Requests by signal, refused ones included. */
	readonly requests: Record<Signal, number>;
	/** Served to kits that ask for a document of remote control. */
	readonly control: unknown;
	/** Settles when a kit asks for the next document: it has the first in force. */
	readonly controlled: Promise<void>;
	readonly onControlled: () => void;
	/** Answers to give before accepting, in turn, whatever the signal. */
	readonly refusals: Refusal[];
}

export interface Refusal {
	readonly signal: Signal;
	/** 0: the connection is cut. */
	readonly status: number;
	readonly retryAfter?: number | undefined;
	/** An answer that is none, one that says half was not taken, or no answer at all. */
	readonly instead?: 'garbage' | 'partial' | 'silence' | undefined;
}

const REJECTED = { traces: 'rejectedSpans', metrics: 'rejectedDataPoints', logs: 'rejectedLogRecords' };
const PATH = /^\/(?<box>.+)\/v1\/(?<signal>traces|metrics|logs)$/;

export class Receiver {
	readonly #boxes = new Map<string, Inbox>();
	readonly #server: Server;

	private constructor(server: Server) {
		this.#server = server;
	}

	static async start(): Promise<Receiver> {
		const server = createServer();
		const receiver = new Receiver(server);
		server.on('request', (request, response) => void receiver.#receive(request, response));
		await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
		return receiver;
	}

	/** The base URL that fills this inbox, and the inbox. */
	open(box: string, refusals: readonly Refusal[] = [], control?: unknown): { url: string; inbox: Inbox } {
		const { promise, resolve } = Promise.withResolvers<void>();
		const inbox: Inbox = {
			control,
			controlled: promise,
			onControlled: resolve,
			traces: [],
			metrics: [],
			logs: [],
			problems: [],
			requests: { traces: 0, metrics: 0, logs: 0 },
			refusals: [...refusals],
		};
		this.#boxes.set(box, inbox);
		return { url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${box}`, inbox };
	}

	close(): void {
		this.#server.closeAllConnections();
		this.#server.close();
	}

	/** The first request gets the document, the next waits for news that never come. */
	#control(request: IncomingMessage, response: ServerResponse): void {
		const inbox = this.#boxes.get(request.url?.match(CONTROL_PATH)?.groups?.['box'] ?? '');
		if (inbox?.control === undefined) response.writeHead(404).end();
		else if (request.headers['if-none-match'] === undefined)
			response.writeHead(200, { 'content-type': 'application/json', etag: '"1"' }).end(JSON.stringify(inbox.control));
		else inbox.onControlled();
	}

	async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
		if (request.method === 'GET') return this.#control(request, response);
		const { box = '', signal = '' } = request.url?.match(PATH)?.groups ?? {};
		const inbox = this.#boxes.get(box);
		if (inbox === undefined || request.method !== 'POST') {
			response.writeHead(404).end();
			return;
		}
		const body = await readBody(request);
		const kind = signal as Signal;
		inbox.requests[kind]++;
		const turn = inbox.refusals.findIndex((refusal) => refusal.signal === kind);
		const [refusal] = turn < 0 ? [] : inbox.refusals.splice(turn, 1);
		if (refusal?.status === 0) {
			request.socket.destroy();
			return;
		}
		if (refusal?.instead === 'silence') return;
		if (refusal?.instead !== undefined) {
			const answer = RESPONSE_TYPE[kind];
			const rejected = { partialSuccess: { [REJECTED[kind]]: 1, errorMessage: 'not this one' } };
			const bytes = refusal.instead === 'garbage' ? Buffer.from('<html>') : answer.encode(answer.fromObject(rejected)).finish();
			response.writeHead(refusal.status, { 'content-type': 'application/x-protobuf' }).end(bytes);
			return;
		}
		if (refusal !== undefined) {
			response.writeHead(refusal.status, refusal.retryAfter === undefined ? {} : { 'retry-after': String(refusal.retryAfter) }).end();
			return;
		}
		try {
			inbox[kind].push(decode(kind, request, body));
		} catch (error) {
			inbox.problems.push(`${signal}: ${(error as Error).message}`);
		}
		const answer = RESPONSE_TYPE[kind];
		response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(answer.encode(answer.create({})).finish());
	}
}

const CONTROL_PATH = /^\/(?<box>.+)\/v1\/kit\/config(\?|$)/;

async function readBody(request: IncomingMessage): Promise<Buffer> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks);
}

function decode(signal: Signal, request: IncomingMessage, body: Buffer): Message {
	const { 'content-type': type, 'content-encoding': encoding } = request.headers;
	if (type !== 'application/x-protobuf') throw new Error(`content-type is ${type}`);
	if (encoding !== 'gzip') throw new Error(`content-encoding is ${encoding}: gzip is the kits' default`);
	const requestType = REQUEST_TYPE[signal];
	return requestType.toObject(requestType.decode(gunzipSync(body)), { longs: String });
}
