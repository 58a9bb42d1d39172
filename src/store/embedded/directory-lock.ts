/**
 * One running platform per data directory. The lock is a file naming the holder: its pid and when that process started, so that a pid
 * used again by another process is not taken for the holder. A lock whose holder is gone is taken over.
 *
 * chDB locks its own folder in the kernel besides; this file is what can say *who* holds it.
 */

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../base/errors.ts';
import { isAlive, type ProcessIdentity, processIdentity } from './process-identity.ts';

const FILE = 'lock.json';
const ATTEMPTS_MAX = 5;

interface Holder extends ProcessIdentity {
	/** Tells apart two locks of one process. */
	readonly token: string;
}

export interface DirectoryLock {
	/** Safe to call twice. */
	release(): void;
}

/** Throws `Failure('conflict')` naming the process that holds `dir`, or saying why `dir` cannot be used; creates it when it is missing. */
export function lockDirectory(dir: string): DirectoryLock {
	try {
		return lock(dir);
	} catch (cause) {
		if (cause instanceof Failure) throw cause;
		throw new Failure('conflict', `cannot use the data directory ${dir}: ${(cause as Error).message}`, {
			cause,
			hint: 'name a directory that can be written to (THROUGHLINE_DATA_DIR)',
		});
	}
}

function lock(dir: string): DirectoryLock {
	mkdirSync(dir, { recursive: true });
	const path = join(dir, FILE);
	const self: Holder = { ...processIdentity(process.pid), token: crypto.randomUUID() };
	for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		if (create(path, self)) return { release: () => release(path, self) };
		const holder = read(path);
		if (holder !== undefined && isAlive(holder))
			throw new Failure('conflict', `another process (pid ${holder.pid}) uses the data directory ${dir}`, {
				hint: 'stop that process, or give this one a data directory of its own (THROUGHLINE_DATA_DIR)',
			});
		takeAway(path, holder);
	}
	throw new Failure('conflict', `cannot take the lock ${path}: other processes keep taking it`, { retryable: true });
}

function create(path: string, holder: Holder): boolean {
	try {
		writeFileSync(path, JSON.stringify(holder), { flag: 'wx' });
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
		throw error;
	}
}

/** Undefined when there is no lock, or none that can be read (a process died while writing it). */
function read(path: string): Holder | undefined {
	try {
		const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
		if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number') return undefined;
		return value as Holder;
	} catch {
		return undefined;
	}
}

/** Moves a stale lock aside. Of two processes that see the same stale lock, the later may move the earlier's new one: it puts it back. */
function takeAway(path: string, stale: Holder | undefined): void {
	const aside = `${path}.${process.pid}`;
	try {
		renameSync(path, aside);
	} catch {
		return;
	}
	const moved = read(aside);
	if (moved !== undefined && moved.token !== stale?.token) create(path, moved);
	rmSync(aside, { force: true });
}

function release(path: string, self: Holder): void {
	if (read(path)?.token === self.token) rmSync(path, { force: true });
}
