/** Reads a request body into memory: bounded in bytes, in time, and by what all requests may hold together. */

import type { IncomingMessage } from 'node:http';
import { Failure } from '../base/errors.ts';
import type { ByteLease } from './byte-budget.ts';
import { tooLarge } from './inflate.ts';

/**
 * Throws `Failure`: `too_large`, `overloaded`, `timeout` (the sender is too slow; not retryable, as it would be again) or
 * `cancelled` (it went away). After a failure the rest of the body is thrown away as it arrives.
 */
export function readBody(request: IncomingMessage, bytesMax: number, timeoutMs: number, lease: ByteLease): Promise<Uint8Array> {
	const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
	const chunks: Buffer[] = [];
	let length = 0;
	const timer = setTimeout(() => {
		stop();
		reject(new Failure('timeout', `the body did not arrive within ${timeoutMs} ms`, { retryable: false }));
	}, timeoutMs);
	const onData = (chunk: Buffer): void => {
		try {
			length += chunk.length;
			if (length > bytesMax) throw tooLarge(bytesMax, 'on the wire');
			lease.take(chunk.length);
			chunks.push(chunk);
		} catch (failure) {
			stop();
			reject(failure as Failure);
		}
	};
	const onEnd = (): void => {
		stop();
		resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length));
	};
	const onGone = (): void => {
		stop();
		reject(new Failure('cancelled', 'the sender went away in the middle of the body'));
	};
	const stop = (): void => {
		clearTimeout(timer);
		request.off('data', onData).off('end', onEnd).off('close', onGone);
		request.resume();
	};
	request.on('data', onData).on('end', onEnd).on('close', onGone);
	return promise;
}
