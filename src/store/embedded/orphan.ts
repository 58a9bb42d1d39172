/**
 * What a platform that was killed leaves behind: its engine notices within moments and ends, but not while it is stopped or hangs, and
 * until then it keeps the database's folder locked. So each platform writes down which process its engine is, and the next one ends it.
 * Safe, because the next one holds the folder's lock (directory-lock.ts), and because an engine may be killed at any moment.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, processIdentity } from './process-identity.ts';

const FILE = 'engine.json';
/** A killed process is gone once the kernel has freed its memory and files. */
const GONE_WITHIN_MS = 5_000;

export function rememberEngine(dir: string, pid: number): void {
	writeFileSync(join(dir, FILE), JSON.stringify(processIdentity(pid)));
}

/** Ends the engine an earlier platform has left in `dir`; returns its pid, or undefined when there was none. */
export async function endOrphan(dir: string): Promise<number | undefined> {
	const engine = read(join(dir, FILE));
	if (engine === undefined || !isAlive(engine)) return undefined;
	process.kill(engine.pid, 'SIGKILL');
	for (const end = performance.now() + GONE_WITHIN_MS; isAlive(engine) && performance.now() < end; ) await sleep(10);
	return engine.pid;
}

function read(path: string): ProcessIdentity | undefined {
	try {
		const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessIdentity> | null;
		return typeof value?.pid === 'number' && typeof value.started === 'string' ? { pid: value.pid, started: value.started } : undefined;
	} catch {
		return undefined; // Never written, or torn when the platform died.
	}
}
