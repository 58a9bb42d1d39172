/**
 * Blocks on their way into the embedded engine. It runs on this machine and reads files, so the blocks are written where it works and
 * named in the statement, instead of passing through two processes' sockets into a file all the same.
 * Measured: docs/decisions/014-blocks-by-file.md.
 */

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../base/errors.ts';

/** `writev` takes at most IOV_MAX parts, 1024 on Linux and macOS. */
const PARTS_MAX = 1024;

/**
 * Runs `action` with the name of a file in `dir` that holds `blocks`, and deletes the file. A process that dies in between leaves it to
 * the next start of the engine. The file need not survive a crash, as its segment does, so it is not synced.
 * Throws `Failure('unavailable')` when the disk does not take it, and what `action` throws.
 */
export async function handOver(dir: string, blocks: Iterable<Uint8Array>, action: (name: string) => Promise<void>): Promise<void> {
	const name = randomUUID();
	const path = join(dir, name);
	try {
		await write(path, [...blocks]);
		await action(name);
	} finally {
		await rm(path, { force: true });
	}
}

async function write(path: string, blocks: readonly Uint8Array[]): Promise<void> {
	let file: FileHandle | undefined;
	try {
		file = await open(path, 'wx', 0o640);
		for (let i = 0; i < blocks.length; i += PARTS_MAX) await writeAll(file, blocks.slice(i, i + PARTS_MAX));
	} catch (cause) {
		throw new Failure('unavailable', `cannot write a file for the embedded engine: ${(cause as Error).message}`, {
			cause,
			retryAfterMs: 2000,
			hint: 'look at the disk of the database',
		});
	} finally {
		await file?.close();
	}
}

/** A write may take less than it was given; the rest follows part by part. */
async function writeAll(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
	let { bytesWritten } = await file.writev(parts);
	for (const part of parts) {
		if (bytesWritten < part.length) await file.writeFile(part.subarray(Math.max(0, bytesWritten)));
		bytesWritten = Math.max(0, bytesWritten - part.length);
	}
}
