/** Reads a request body into memory: bounded in bytes, in time, and by what all requests may hold together. */

import type { IncomingMessage } from 'node:http';
import { Failure } from '../base/errors.ts';
import { Body } from './body.ts';
import type { ByteLease } from './byte-budget.ts';
import { type Coding, inflate } from './inflate.ts';
import type { ReceiverLimits } from './receiver.ts';

/** Bytes of a body on the wire and inflated, filled in as far as it came. */
export interface BodySizes {
	wireBytes: number;
	inflatedBytes: number;
}

/** Reads a body and inflates it where it is in a coding. Throws what `readBody` and `inflate` throw. */
export async function readInflated(
	request: IncomingMessage,
	coding: Coding | undefined,
	{ requestBytesMax, bodyTimeoutMs }: Pick<ReceiverLimits, 'requestBytesMax' | 'bodyTimeoutMs'>,
	lease: ByteLease,
	sizes: BodySizes,
): Promise<Body> {
	let body = await readBody(request, requestBytesMax, bodyTimeoutMs, lease);
	sizes.wireBytes = body.length;
	if (coding !== undefined) {
		const wire = body;
		body = await inflate(coding, wire.bytes(), requestBytesMax, lease).finally(() => wire.leave());
	}
	sizes.inflatedBytes = body.length;
	return body;
}

/**
 * Throws `Failure`: `too_large`, `overloaded`, `timeout` (the sender is too slow; not retryable, as it would be again) or
 * `cancelled` (it went away). After a failure the rest of the body is thrown away as it arrives.
 * What is handed back is to be freed.
 */
function readBody(request: IncomingMessage, bytesMax: number, timeoutMs: number, lease: ByteLease): Promise<Body> {
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
