/** What hostile or broken senders do, as bytes. Each returns how its requests were answered: status -> count; 0 for a broken connection. */

import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { encodeRequest } from '../otlp/reference.ts';

const MiB = 1024 * 1024;
const METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export type Answers = Map<number, number>;

export interface Target {
	readonly httpPort: number;
	readonly grpcPort: number;
}

/** `count` requests at once over HTTP. */
export async function posts(
	target: Target,
	count: number,
	body: (i: number) => Buffer,
	headers: Record<string, string> = {},
): Promise<Answers> {
	const agent = new Agent({ keepAlive: false });
	const answers: Answers = new Map();
	await Promise.all(
		Array.from({ length: count }, async (_, i) => {
			const { promise, resolve } = Promise.withResolvers<number>();
			const request = httpRequest(
				{
					agent,
					host: '127.0.0.1',
					port: target.httpPort,
					method: 'POST',
					path: '/v1/traces',
					headers: { 'content-type': 'application/x-protobuf', ...headers },
				},
				(response) => {
					response.on('error', () => {});
					response.resume();
					resolve(response.statusCode ?? 0);
				},
			);
			request.on('error', () => resolve(0));
			request.end(body(i));
			count1(answers, await promise);
		}),
	);
	return answers;
}

/** `count` calls at once over `connections` of gRPC; the answers are status codes of gRPC. */
export async function calls(
	target: Target,
	connections: number,
	count: number,
	body: (i: number) => Buffer,
	gzip = false,
): Promise<Answers> {
	const answers: Answers = new Map();
	const clients = Array.from(
		{ length: connections },
		() =>
			new Client(`127.0.0.1:${target.grpcPort}`, credentials.createInsecure(), {
				'grpc.use_local_subchannel_pool': 1,
				'grpc.max_send_message_length': -1,
				...(gzip && { 'grpc.default_compression_algorithm': 2 }),
			}),
	);
	await Promise.all(
		Array.from({ length: count }, async (_, i) => {
			const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
			const client = clients[i % connections] as Client;
			const deadline = Date.now() + 60_000;
			client.makeUnaryRequest<Buffer, Buffer>(
				METHOD,
				(b) => b,
				(b) => b,
				body(i),
				{ deadline },
				(error) => resolve(error),
			);
			count1(answers, (await promise)?.code ?? 0);
		}),
	);
	for (const client of clients) client.close();
	return answers;
}

/** Opens `count` connections and says `opening` on each. Those that are refused or closed are not among the result. */
export async function connections(port: number, count: number, opening = ''): Promise<Set<Socket>> {
	const open = new Set<Socket>();
	const one = (): Promise<void> => {
		const { promise, resolve } = Promise.withResolvers<void>();
		const socket = connect(port, '127.0.0.1', () => {
			open.add(socket);
			if (opening !== '') socket.write(opening);
			resolve();
		});
		socket.on('error', () => resolve());
		socket.once('close', () => {
			open.delete(socket);
			resolve();
		});
		socket.resume();
		return promise;
	};
	// In slices, as a listen queue is short.
	for (let begun = 0; begun < count; begun += 200) await Promise.all(Array.from({ length: Math.min(200, count - begun) }, one));
	return open;
}

export const BOMBS: Readonly<Record<string, Buffer>> = {
	gzip: gzipSync(Buffer.alloc(512 * MiB), { level: 9 }),
	deflate: deflateSync(Buffer.alloc(512 * MiB), { level: 9 }),
	zstd: zstdCompressSync(Buffer.alloc(512 * MiB)),
};

/** A valid request of nearly `bytes`: spans without anything but ids and a long attribute. */
export function largeRequest(bytes: number): Buffer {
	const value = { stringValue: 'x'.repeat(1000) };
	const span = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), attributes: [{ key: 'payload', value }] };
	const one = encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: 500 }, () => span) }] }] });
	// Requests put one behind the other are one request: their fields are repeated.
	return Buffer.concat(Array.from({ length: Math.floor(bytes / one.length) }, () => one));
}

/** `spans` spans with `keysPerSpan` attributes each, no key like any other of the run. */
export function distinctKeys(run: number, spans: number, keysPerSpan: number): Buffer {
	const nowNs = BigInt(Date.now()) * 1_000_000n;
	return Buffer.from(
		encodeRequest('traces', {
			resourceSpans: [
				{
					resource: { attributes: [{ key: 'service.name', value: { stringValue: `hostile ${run}` } }] },
					scopeSpans: [
						{
							spans: Array.from({ length: spans }, (_, span) => ({
								traceId: Buffer.alloc(16, 1 + (run % 200)),
								spanId: Buffer.from([1, run >> 8, run & 255, span >> 16, (span >> 8) & 255, span & 255, 1, 1]),
								name: `operation ${run} ${span}`,
								startTimeUnixNano: String(nowNs),
								endTimeUnixNano: String(nowNs + 1000n),
								attributes: Array.from({ length: keysPerSpan }, (_key, key) => ({
									key: `key.${run}.${span}.${key}`,
									value: key % 2 === 0 ? { intValue: String(key) } : { stringValue: 'v' },
								})),
							})),
						},
					],
				},
			],
		}),
	);
}

/** Attribute values nested `depth` times, as protobuf: ArrayValue { values: [ArrayValue …] }. */
export function nested(depth: number): Buffer {
	let value: Buffer = Buffer.from([0x08, 1]);
	const wrap = (tag: number, inner: Buffer): Buffer => Buffer.concat([Buffer.from([tag]), varint(inner.length), inner]);
	for (let level = 0; level < depth; level++) value = wrap(0x2a, wrap(0x0a, value)); // AnyValue.array_value = 5, ArrayValue.values = 1
	const attribute = wrap(0x4a, Buffer.concat([wrap(0x0a, Buffer.from('k')), wrap(0x12, value)]));
	const span = Buffer.concat([wrap(0x0a, Buffer.alloc(16, 1)), wrap(0x12, Buffer.alloc(8, 1)), attribute]);
	return wrap(0x0a, wrap(0x12, wrap(0x12, span)));
}

function varint(value: number): Buffer {
	const bytes: number[] = [];
	for (let rest = value; ; rest = Math.floor(rest / 128)) {
		if (rest < 128) return Buffer.from([...bytes, rest]);
		bytes.push((rest % 128) | 128);
	}
}

function count1(answers: Answers, status: number): void {
	answers.set(status, (answers.get(status) ?? 0) + 1);
}
