/**
 * The senders of the fault run, in a process of their own: lanes over HTTP and gRPC that keep up a rate, each request with ids of its own
 * and never sent twice, so that nothing may be stored twice; and beside them the senders nobody wants: some that break their
 * connections, some that send a byte now and then, some that never read an answer.
 */

import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, credentials } from '@grpc/grpc-js';
import { fill, SPANS_PER_TRACE, type Template, TRACES_PER_REQUEST, templates } from './payload.ts';

export interface GeneratorSettings {
	readonly httpPort: number;
	readonly grpcPort: number;
	readonly apiPort: number;
	/** Hex of the run's own bytes of the ids. */
	readonly run: string;
	readonly seed: number;
	readonly spansPerS: number;
}

export type ToGenerator = { readonly type: 'start'; readonly settings: GeneratorSettings } | { readonly type: 'reset' | 'stop' };

export interface FromGenerator {
	/** First traces of the requests acknowledged since the last report. */
	readonly acknowledged: readonly number[];
	/** Requests sent, refused (and of these how many told when to come back), and broken off, from the start. */
	readonly sent: number;
	readonly refused: number;
	readonly refusedRetryable: number;
	readonly broken: number;
	/** Slowest acknowledgement since the last report. */
	readonly slowestAckMs: number;
	readonly stopped: boolean;
}

const HTTP_LANES = 6;
const GRPC_LANES = 4;
const TEMPLATES = 48;
const REPORT_MS = 100;
/** Requests owed from a time when nobody answered are not made up for beyond this. */
const DEBT_S = 1;
const PAUSE_MS = 50;
const DEADLINE_MS = 20_000;
/** One request in this many breaks its connection off at some moment. */
const BREAK_EVERY = 60;
const GZIP_EVERY = 10;
/** One request in this many is of spans from hours ago, whose hour may have moved to the kept tier, or is just moving. */
const LATE_EVERY = 4;
const LATE_MS_MAX = 4 * 3_600_000;
const SLOW_SENDERS = 20;
const SLOW_READERS = 3;
const METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

class Generator {
	readonly #settings: GeneratorSettings;
	readonly #run: Buffer;
	readonly #templates: Template[];
	readonly #agent = new Agent({ keepAlive: true, maxSockets: HTTP_LANES });
	readonly #grpc: Client;
	readonly #sockets = new Set<Socket>();
	/** Those of `#sockets` that would never end by themselves. */
	readonly #unwanted = new Set<Socket>();
	readonly #startedMs = performance.now();
	#acknowledged: number[] = [];
	#nextTrace = 1;
	#due = 0;
	#counts = { sent: 0, refused: 0, refusedRetryable: 0, broken: 0 };
	#slowestAckMs = 0;
	#stopping = false;
	#lanes: Promise<void>[] = [];

	constructor(settings: GeneratorSettings) {
		this.#settings = settings;
		this.#run = Buffer.from(settings.run, 'hex');
		this.#templates = templates(TEMPLATES, settings.seed);
		this.#grpc = new Client(`127.0.0.1:${settings.grpcPort}`, credentials.createInsecure(), {
			'grpc.initial_reconnect_backoff_ms': 100,
			'grpc.min_reconnect_backoff_ms': 100,
			'grpc.max_reconnect_backoff_ms': 500,
		});
	}

	start(): void {
		for (let lane = 0; lane < HTTP_LANES; lane++) this.#lanes.push(this.#lane((body) => this.#sendHttp(body)));
		for (let lane = 0; lane < GRPC_LANES; lane++) this.#lanes.push(this.#lane((body) => this.#sendGrpc(body)));
		for (let i = 0; i < SLOW_SENDERS; i++) this.#lanes.push(this.#repeat(() => this.#sendSlowly()));
		for (let i = 0; i < SLOW_READERS; i++) this.#lanes.push(this.#repeat(() => this.#readNever()));
		const timer = setInterval(() => this.#report(false), REPORT_MS);
		void Promise.all(this.#lanes).then(() => {
			clearInterval(timer);
			this.#report(true);
		});
	}

	/** Breaks every connection there is. */
	reset(): void {
		for (const socket of this.#sockets) socket.resetAndDestroy();
	}

	stop(): void {
		this.#stopping = true;
		for (const socket of this.#unwanted) socket.destroy();
	}

	#report(stopped: boolean): void {
		const report: FromGenerator = { acknowledged: this.#acknowledged, ...this.#counts, slowestAckMs: this.#slowestAckMs, stopped };
		this.#acknowledged = [];
		this.#slowestAckMs = 0;
		process.send?.(report, () => {
			if (stopped) process.exit(0);
		});
	}

	/** One request after the other, each with a buffer of the lane's own, when it is due. */
	async #lane(send: (body: Buffer) => Promise<Outcome>): Promise<void> {
		const buffer = Buffer.alloc(Math.max(...this.#templates.map(({ bytes }) => bytes.length)));
		while (!this.#stopping) {
			if (!this.#isDue()) {
				await pause(5);
				continue;
			}
			const firstTrace = this.#nextTrace;
			this.#nextTrace += TRACES_PER_REQUEST;
			const template = this.#templates[Math.floor(firstTrace / TRACES_PER_REQUEST) % TEMPLATES] as Template;
			const late = Math.random() * LATE_EVERY < 1 ? Math.random() * LATE_MS_MAX : 0;
			const body = fill(buffer, template, this.#run, firstTrace, Math.round(Date.now() - late));
			this.#counts.sent++;
			const sentMs = performance.now();
			const outcome = await send(body);
			if (outcome === 'acknowledged') {
				this.#acknowledged.push(firstTrace);
				this.#slowestAckMs = Math.max(this.#slowestAckMs, performance.now() - sentMs);
				continue;
			}
			this.#counts[outcome === 'broken' ? 'broken' : 'refused']++;
			if (outcome === 'come back') this.#counts.refusedRetryable++;
			await pause(PAUSE_MS);
		}
	}

	#isDue(): boolean {
		const perS = this.#settings.spansPerS / (TRACES_PER_REQUEST * SPANS_PER_TRACE);
		const owed = ((performance.now() - this.#startedMs) / 1000) * perS;
		this.#due = Math.max(this.#due, owed - DEBT_S * perS);
		if (owed < this.#due + 1) return false;
		this.#due++;
		return true;
	}

	#sendHttp(body: Buffer): Promise<Outcome> {
		const { promise, resolve } = Promise.withResolvers<Outcome>();
		const zip = Math.random() * GZIP_EVERY < 1;
		const content = zip ? gzipSync(body, { level: 1 }) : body;
		const request = httpRequest(
			{
				agent: this.#agent,
				port: this.#settings.httpPort,
				host: '127.0.0.1',
				method: 'POST',
				path: '/v1/traces',
				headers: {
					'content-type': 'application/x-protobuf',
					'content-length': content.length,
					...(zip && { 'content-encoding': 'gzip' }),
				},
				signal: AbortSignal.timeout(DEADLINE_MS),
			},
			(response) => {
				response.on('error', () => resolve('broken'));
				response.on('end', () => {
					if (response.statusCode === 200) resolve('acknowledged');
					else resolve(response.headers['retry-after'] === undefined ? 'refused' : 'come back');
				});
				response.resume();
			},
		);
		request.on('error', () => resolve('broken'));
		request.on('socket', (socket) => {
			this.#keep(socket);
			if (Math.random() * BREAK_EVERY < 1) setTimeout(() => socket.resetAndDestroy(), Math.random() * 60);
		});
		request.end(content);
		return promise;
	}

	#sendGrpc(body: Buffer): Promise<Outcome> {
		const { promise, resolve } = Promise.withResolvers<Outcome>();
		const call = this.#grpc.makeUnaryRequest<Buffer, Buffer>(
			METHOD,
			(bytes) => bytes,
			(bytes) => bytes,
			body,
			{ deadline: Date.now() + DEADLINE_MS },
			(error) => {
				if (error === null) resolve('acknowledged');
				else if (error.metadata.get('grpc-status-details-bin').length === 0) resolve('broken');
				// RESOURCE_EXHAUSTED here would be one without RetryInfo.
				else resolve(error.code === 14 ? 'come back' : 'refused');
			},
		);
		if (Math.random() * BREAK_EVERY < 1) setTimeout(() => call.cancel(), Math.random() * 60);
		return promise;
	}

	/** Headers that promise a body, and then a byte now and then, until the platform has had enough. */
	#sendSlowly(): Promise<void> {
		return this.#withSocket(this.#settings.httpPort, (socket) => {
			socket.write('POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000000\r\n\r\n');
			const timer = setInterval(() => socket.write(randomBytes(1)), 200);
			socket.once('close', () => clearInterval(timer));
			socket.resume();
		});
	}

	/** Question after question on one connection, and not one answer read. */
	#readNever(): Promise<void> {
		return this.#withSocket(this.#settings.apiPort, (socket) => {
			socket.pause();
			const timer = setInterval(() => {
				if (!socket.writableNeedDrain) socket.write('GET /api/v1/traces?limit=500 HTTP/1.1\r\nhost: localhost\r\n\r\n');
			}, 10_000);
			socket.once('close', () => clearInterval(timer));
		});
	}

	#withSocket(port: number, use: (socket: Socket) => void): Promise<void> {
		const { promise, resolve } = Promise.withResolvers<void>();
		const socket = connect(port, '127.0.0.1', () => use(socket));
		this.#unwanted.add(socket);
		socket.on('error', () => {});
		socket.once('close', () => {
			this.#unwanted.delete(socket);
			resolve();
		});
		this.#keep(socket);
		return promise;
	}

	async #repeat(once: () => Promise<void>): Promise<void> {
		while (!this.#stopping) {
			await once();
			await pause(500);
		}
	}

	#keep(socket: Socket): void {
		if (this.#sockets.has(socket)) return;
		this.#sockets.add(socket);
		socket.once('close', () => this.#sockets.delete(socket));
	}
}

type Outcome = 'acknowledged' | 'refused' | 'come back' | 'broken';

function pause(ms: number): Promise<void> {
	return new Promise((settle) => setTimeout(settle, ms));
}

if (process.send !== undefined) {
	let generator: Generator | undefined;
	process.on('message', (message: ToGenerator) => {
		if (message.type === 'start') {
			generator = new Generator(message.settings);
			generator.start();
		} else generator?.[message.type]();
	});
	process.on('disconnect', () => process.exit(0));
	// The terminal sends these to the whole process group; the fault run decides when its senders stop.
	process.on('SIGINT', () => {});
}
