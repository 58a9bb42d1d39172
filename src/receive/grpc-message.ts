/**
 * The one message of a unary gRPC call, read off its HTTP/2 stream: bounded in bytes, in time, and by what all requests may hold together,
 * while it arrives and while it inflates.
 *
 * ```
 * message   0  1  flag: 1 when compressed as `grpc-encoding` says
 *           1  4  length, big-endian
 *           5  .  the message
 * ```
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */

import type { ServerHttp2Stream } from 'node:http2';
import { Failure } from '../base/errors.ts';
import { Body, tooLarge } from './body.ts';
import type { ByteLease } from './byte-budget.ts';
import { type Coding, inflate } from './inflate.ts';

const HEAD_BYTES = 5;

/** A call that breaks the protocol: INTERNAL, as other servers answer it. */
export class BrokenCall extends Failure {
	constructor(message: string) {
		super('malformed', message);
	}
}

/**
 * Throws `Failure`: `too_large`, `overloaded`, `timeout`, `cancelled` (the sender went away), `malformed`. What is handed back is to be freed.
 * `wireBytes` is told as soon as it is known.
 */
export async function readMessage(
	stream: ServerHttp2Stream,
	coding: Coding | undefined,
	bytesMax: number,
	timeoutMs: number,
	lease: ByteLease,
	onWireBytes: (bytes: number) => void,
): Promise<Body> {
	const { compressed, body } = await readFrame(stream, bytesMax, timeoutMs, lease);
	onWireBytes(body.length);
	if (!compressed) return body;
	try {
		if (coding === undefined) throw new BrokenCall('the message is marked as compressed, but grpc-encoding names no compression');
		return await inflate(coding, body.bytes(), bytesMax, lease);
	} catch (error) {
		throw error instanceof Failure && error.code === 'malformed' ? new BrokenCall(error.message) : error;
	} finally {
		body.leave();
	}
}

interface Frame {
	readonly compressed: boolean;
	readonly body: Body;
}

function readFrame(stream: ServerHttp2Stream, bytesMax: number, timeoutMs: number, lease: ByteLease): Promise<Frame> {
	const { promise, resolve, reject } = Promise.withResolvers<Frame>();
	const body = new Body(bytesMax, 'on the wire', lease);
	let head = Buffer.alloc(0);
	let length = 0;
	const fail = (failure: unknown): void => {
		stop();
		body.free();
		reject(failure as Failure);
	};
	const timer = setTimeout(
		() => fail(new Failure('timeout', `the request did not arrive within ${timeoutMs} ms`, { retryable: false })),
		timeoutMs,
	);
	const onData = (chunk: Buffer): void => {
		let rest = chunk;
		if (head.length < HEAD_BYTES) {
			const needed = HEAD_BYTES - head.length;
			head = Buffer.concat([head, chunk.subarray(0, needed)]);
			rest = chunk.subarray(needed);
			if (head.length < HEAD_BYTES) return;
			length = head.readUInt32BE(1);
			if (head.readUInt8(0) > 1) return fail(new BrokenCall(`a message has flag 0 or 1, not ${head.readUInt8(0)}`));
			if (length > bytesMax) return fail(tooLarge(bytesMax, 'on the wire'));
		}
		if (rest.length === 0) return;
		if (body.length + rest.length > length) return fail(new BrokenCall('bytes follow the message; a unary call has one'));
		try {
			body.append(rest);
		} catch (failure) {
			fail(failure);
		}
	};
	const onEnd = (): void => {
		if (head.length < HEAD_BYTES) return fail(new BrokenCall('the call ended before its message'));
		if (body.length < length) return fail(new BrokenCall(`the message has ${length} bytes, of which ${body.length} came`));
		stop();
		resolve({ compressed: head.readUInt8(0) === 1, body });
	};
	const onGone = (): void => fail(new Failure('cancelled', 'the sender went away in the middle of the message'));
	const stop = (): void => {
		clearTimeout(timer);
		stream.off('data', onData).off('end', onEnd).off('close', onGone).off('aborted', onGone);
	};
	stream.on('data', onData).on('end', onEnd).on('close', onGone).on('aborted', onGone);
	return promise;
}
