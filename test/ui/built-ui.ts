/** The built UI for browser tests: built when there is none or when a source is newer, by one test file at a time. */

import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { build } from 'vite';

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCE = join(ROOT, 'src/ui');
const BUILT = join(ROOT, 'dist/ui/index.html');
const LOCK = join(ROOT, 'dist/ui-build.lock');
/** A build takes seconds; a lock older than this was left by a run that was killed. */
const LOCK_MS_MAX = 120_000;

export async function builtUi(): Promise<void> {
	mkdirSync(join(ROOT, 'dist'), { recursive: true });
	while (!takeLock()) await wait(200);
	try {
		if (isFresh()) return;
		await build({ configFile: join(SOURCE, 'vite.config.ts'), logLevel: 'warn' });
	} finally {
		rmSync(LOCK, { recursive: true, force: true });
	}
}

function takeLock(): boolean {
	try {
		mkdirSync(LOCK);
		return true;
	} catch {
		const age = Date.now() - (statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
		if (age > LOCK_MS_MAX) rmSync(LOCK, { recursive: true, force: true });
		return false;
	}
}

function isFresh(): boolean {
	const builtMs = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs;
	if (builtMs === undefined) return false;
	return readdirSync(SOURCE, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
		.every((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs <= builtMs);
}
