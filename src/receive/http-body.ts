/** Reads a request body into memory: bounded in bytes, in time, and by what all requests may hold together. */

import type { IncomingMessage } from 'node:http';
import { Failure } from '../base/errors.ts';
import { Body } from './body.ts';
import type { ByteLease } from './byte-budget.ts';

/**
 * Throws `Failure`: `too_large`, `overloaded`, `timeout` (the sender is too slow; not retryable, as it would be again) or
 * `cancelled` (it went away). After a failure the rest of the body is thrown away as it arrives.
 * What is handed back is to be freed.
 */
export function readBody(request: IncomingMessage, bytesMax: number, timeoutMs: number, lease: ByteLease): Promise<Body> {
	const { promise, resolve, reject } = Promise.withResolvers<Body>();
	const body = new Body(bytesMax, 'on the wire', lease);
	const timer = setTimeout(() => {
		give();
		reject(new Failure('timeout', `the body did not arrive within ${timeoutMs} ms`, { retryable: false }));
	}, timeoutMs);
	const onData = (chunk: Buffer): void => {
		try {
			body.append(chunk);
		} catch (failure) {
			give();
			reject(failure as Failure);
		}
	};
	const onEnd = (): void => {
		stop();
		resolve(body);
	};
	const onGone = (): void => {
		give();
		reject(new Failure('cancelled', 'the sender went away in the middle of the body'));
	};
	const stop = (): void => {
		clearTimeout(timer);
		request.off('data', onData).off('end', onEnd).off('close', onGone);
		request.resume();
	};
	const give = (): void => {
		stop();
		body.free();
	};
	request.on('data', onData).on('end', onEnd).on('close', onGone);
	return promise;
}
