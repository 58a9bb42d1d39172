/**
 * The file system as the buffer sees it: few operations, each of which may fail, and whose durability is explicit. Tests pass a
 * disk that forgets unsynced writes, tears them and fails on purpose.
 */

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, statfs, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface WritableFile {
	/** Appends all `parts` at the end of the file. After an error nothing is known about what reached it. */
	write(parts: readonly Uint8Array[]): Promise<void>;
	/** What was written before the call is on disk after it (`fdatasync`), if the directory entry is. */
	sync(): Promise<void>;
	close(): Promise<void>;
}

export interface Files {
	makeDirectory(path: string): Promise<void>;
	/** Names of the files in a directory, not of directories, in no order. */
	list(path: string): Promise<string[]>;
	read(path: string): Promise<Uint8Array>;
	size(path: string): Promise<number>;
	/** Creates an empty file; fails when it exists. The entry is on disk only after `syncDirectory`. */
	create(path: string): Promise<WritableFile>;
	/** Writes a small file whole, replacing what was there, and syncs it and its directory. */
	replace(path: string, bytes: Uint8Array): Promise<void>;
	/** Atomic; on disk only after `syncDirectory` of both directories. */
	rename(from: string, to: string): Promise<void>;
	/** No error when the file is gone already. */
	remove(path: string): Promise<void>;
	truncate(path: string, length: number): Promise<void>;
	syncDirectory(path: string): Promise<void>;
	/** Bytes the disk below `path` has left for this user. */
	freeBytes(path: string): Promise<number>;
}

/** `writev` takes at most IOV_MAX parts, 1024 on Linux and macOS. */
const PARTS_MAX = 1024;

export const realFiles: Files = {
	async makeDirectory(path) {
		await mkdir(path, { recursive: true });
	},
	async list(path) {
		const entries = await readdir(path, { withFileTypes: true });
		return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
	},
	read: (path) => readFile(path),
	size: async (path) => (await stat(path)).size,
	create: async (path) => appendTo(await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o640)),
	async replace(path, bytes) {
		const temporary = `${path}.tmp`;
		const handle = await open(temporary, 'w', 0o640);
		try {
			await handle.writeFile(bytes);
			await handle.sync();
		} finally {
			await handle.close();
		}
		await rename(temporary, path);
		await syncDirectory(dirname(path));
	},
	rename,
	remove: (path) => rm(path, { force: true }),
	truncate,
	syncDirectory,
	async freeBytes(path) {
		const { bavail, bsize } = await statfs(path);
		return bavail * bsize;
	},
};

async function syncDirectory(path: string): Promise<void> {
	const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

function appendTo(handle: FileHandle): WritableFile {
	let position = 0;
	return {
		async write(parts) {
			let rest = parts.filter((part) => part.length > 0);
			while (rest.length > 0) {
				const { bytesWritten } = await handle.writev(rest.slice(0, PARTS_MAX), position);
				position += bytesWritten;
				rest = after(rest, bytesWritten);
			}
		},
		sync: () => handle.datasync(),
		close: () => handle.close(),
	};
}

/** What is left of `parts` after a write that took `bytes` of them: it may take less than it was given. */
function after(parts: Uint8Array[], bytes: number): Uint8Array[] {
	let index = 0;
	for (; index < parts.length; index++) {
		const length = parts[index]?.length ?? 0;
		if (bytes < length) break;
		bytes -= length;
	}
	const rest = parts.slice(index);
	if (bytes > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(bytes);
	return rest;
}
