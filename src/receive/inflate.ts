/**
 * `Content-Encoding` of request bodies. Output is counted while it inflates and the rest is never inflated once a limit is reached,
 * so a small body that would become gigabytes costs at most `bytesMax`.
 */

import { constants, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { Failure } from '../base/errors.ts';
import { Body } from './body.ts';
import type { ByteLease } from './byte-budget.ts';

/** RFC 9659: decoders of the zstd content coding need to support windows up to 8 MiB, and may refuse larger ones. */
const ZSTD_WINDOW_LOG_MAX = 23;

const DECODERS = {
	gzip: (chunkSize: number) => createGunzip({ chunkSize }),
	/** RFC 9110: the "deflate" coding is the zlib format. */
	deflate: (chunkSize: number) => createInflate({ chunkSize }),
	zstd: (chunkSize: number) => createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } }),
} as const;

export type Coding = keyof typeof DECODERS;

/** For the `Accept-Encoding` of a 415 answer (RFC 9110, 12.5.3). */
export const CODINGS_ACCEPTED = Object.keys(DECODERS).join(', ');

/** Undefined when the body is as it is. Throws `Failure('unsupported')` for anything we do not speak, chains of codings included. */
export function parseCoding(header: string | undefined): Coding | undefined {
	const coding = (header ?? '').trim().toLowerCase();
	if (coding === '' || coding === 'identity') return undefined;
	if (coding === 'x-gzip') return 'gzip';
	// What the OpenTelemetry Collector's exporters call it.
	if (coding === 'zlib') return 'deflate';
	if (Object.hasOwn(DECODERS, coding)) return coding as Coding;
	throw new Failure(
		'unsupported',
		`Content-Encoding '${coding.slice(0, 100)}' is not supported; use one of: ${CODINGS_ACCEPTED}, identity`,
	);
}

/** Above half of Node's pool for small buffers, so that each chunk has memory of its own. */
const CHUNK_BYTES_MIN = 64 * 1024;
const CHUNK_BYTES_MAX = 256 * 1024;

/**
 * Inflates a whole body, off the main thread; what it makes is leased, and to be freed. Concatenated gzip members are one body (RFC 1952, 2.2).
 * Throws `Failure`: `malformed` (not in this coding, cut short, or bytes behind the end), `too_large`, `overloaded`.
 */
export async function inflate(coding: Coding, wire: Uint8Array, bytesMax: number, lease: ByteLease): Promise<Body> {
	const chunkBytes = Math.min(Math.max(wire.length * 4, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
	const decoder = DECODERS[coding](chunkBytes);
	decoder.end(wire);
	const body = new Body(bytesMax, 'inflated', lease);
	try {
		for await (const chunk of decoder as AsyncIterable<Buffer>) {
			body.append(chunk);
			if (body.length > chunk.length) giveBack(chunk, chunkBytes);
		}
		if (decoder.bytesWritten < wire.length) throw new Error(`${wire.length - decoder.bytesWritten} bytes follow its end`);
	} catch (cause) {
		body.free();
		if (cause instanceof Failure) throw cause;
		throw new Failure('malformed', `the body is not valid ${coding}: ${(cause as Error).message}`, { cause });
	} finally {
		decoder.destroy();
	}
	return body;
}

/**
 * Of a chunk that has been copied, the memory now, not when the collector comes by: a bomb makes hundreds of megabytes of them in a second.
 * A decoder fills one buffer after the other and hands out what it has filled, so the buffer of a chunk that reaches its end is done with.
 */
function giveBack({ buffer, byteOffset, length }: Buffer, chunkBytes: number): void {
	if (buffer instanceof ArrayBuffer && buffer.byteLength === chunkBytes && byteOffset + length === chunkBytes) buffer.transfer(0);
}
