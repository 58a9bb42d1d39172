/**
 * Stands between a real sender and the platform, passes every request on untouched and keeps its bytes: what the sender really put
 * on the wire, to be compared with what the platform gives back.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';

export type Signal = 'traces' | 'logs' | 'metrics';

export interface Captured {
	readonly signal: Signal;
	readonly encoding: 'protobuf' | 'json';
	/** Inflated. */
	readonly body: Uint8Array;
	readonly compressed: boolean;
	/** HTTP status or gRPC code of the platform's answer. */
	readonly status: number;
}

export interface Tee {
	readonly httpUrl: string;
	readonly grpcUrl: string;
	/** Hands over what has been captured since the last call. */
	take(): Captured[];
	stop(): Promise<void>;
}

const GRPC_METHODS: Readonly<Record<Signal, string>> = {
	traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
	logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
	metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};

export async function startTee(target: { otlpHttpUrl: string; otlpGrpcUrl: string }): Promise<Tee> {
	let captured: Captured[] = [];
	const keep = (one: Captured): void => {
		captured.push(one);
	};
	const http = createServer((request, response) => void passOn(request, response, target.otlpHttpUrl, keep));
	const httpPort = await new Promise<number>((settle) => {
		http.listen(0, '127.0.0.1', () => settle((http.address() as { port: number }).port));
	});
	const grpc = await grpcTee(target.otlpGrpcUrl, keep);
	return {
		httpUrl: `http://127.0.0.1:${httpPort}`,
		grpcUrl: `http://127.0.0.1:${grpc.port}`,
		take: () => captured.splice(0),
		async stop() {
			http.closeAllConnections();
			await new Promise((settle) => http.close(settle));
			grpc.stop();
			captured = [];
		},
	};
}

const INFLATE: Readonly<Record<string, (raw: Buffer) => Buffer>> = {
	gzip: gunzipSync,
	deflate: inflateSync,
	zlib: inflateSync,
	zstd: zstdDecompressSync,
};

async function passOn(request: IncomingMessage, response: ServerResponse, target: string, keep: (one: Captured) => void): Promise<void> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	const raw = Buffer.concat(chunks);
	const headers = Object.fromEntries(
		['content-type', 'content-encoding'].flatMap((name) =>
			request.headers[name] === undefined ? [] : [[name, String(request.headers[name])]],
		),
	);
	const answer = await fetch(target + (request.url ?? ''), { method: 'POST', headers, body: raw });
	const body = Buffer.from(await answer.arrayBuffer());
	const inflate = INFLATE[headers['content-encoding'] ?? ''];
	keep({
		signal: (request.url ?? '').split('/').at(-1) as Signal,
		encoding: headers['content-type']?.includes('json') === true ? 'json' : 'protobuf',
		body: inflate === undefined ? raw : inflate(raw),
		compressed: inflate !== undefined,
		status: answer.status,
	});
	response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(body);
}

async function grpcTee(target: string, keep: (one: Captured) => void): Promise<{ port: number; stop: () => void }> {
	const identity = (bytes: Buffer): Buffer => bytes;
	const forward = new Client(new URL(target).host, credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
	const server = new Server();
	for (const [signal, path] of Object.entries(GRPC_METHODS) as [Signal, string][])
		server.addService(
			{
				Export: {
					path,
					requestStream: false,
					responseStream: false,
					requestSerialize: identity,
					requestDeserialize: identity,
					responseSerialize: identity,
					responseDeserialize: identity,
				},
			},
			{
				Export: (call: { request: Buffer }, reply: (error: object | null, body?: Buffer) => void) => {
					forward.makeUnaryRequest(path, identity, identity, call.request, (error, body) => {
						keep({ signal, encoding: 'protobuf', body: call.request, compressed: true, status: error?.code ?? 0 });
						reply(error, body);
					});
				},
			},
		);
	const port = await new Promise<number>((settle, fail) => {
		server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? settle(bound) : fail(error)));
	});
	return {
		port,
		stop() {
			forward.close();
			server.forceShutdown();
		},
	};
}
