/**
 * One running platform per data directory. The lock is a file naming the holder: its pid and when that process started, so that a pid
 * used again by another process is not taken for the holder. A lock whose holder is gone is taken over.
 *
 * chDB locks its own folder in the kernel besides; this file is what can say *who* holds it.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../base/errors.ts';

const FILE = 'lock.json';
const ATTEMPTS_MAX = 5;

interface Holder {
	readonly pid: number;
	readonly started: string;
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
	const self: Holder = { pid: process.pid, started: processStart(process.pid) ?? '', token: crypto.randomUUID() };
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

function isAlive(holder: Holder): boolean {
	try {
		process.kill(holder.pid, 0);
	} catch (error) {
		// EPERM: it lives and belongs to somebody else.
		if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
	}
	return processStart(holder.pid) === holder.started;
}

/** Something that stays the same while a process lives and differs when its pid is used again; undefined when there is none. */
function processStart(pid: number): string | undefined {
	try {
		if (process.platform === 'linux') {
			// Field 22 of /proc/pid/stat (proc(5)), counted after the command's closing parenthesis: ticks since boot.
			const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
			const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
			return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
		}
		return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
	} catch {
		return undefined;
	}
}
