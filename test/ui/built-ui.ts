/** The built UI for browser tests: built when there is none or when a source is newer. */

import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCE = join(ROOT, 'src/ui');
const BUILT = join(ROOT, 'dist/ui/index.html');

/** To be called by one at a time (see turn.ts). */
export async function builtUi(): Promise<void> {
	if (!isFresh()) await build({ configFile: join(SOURCE, 'vite.config.ts'), logLevel: 'warn' });
}

function isFresh(): boolean {
	const builtMs = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs;
	if (builtMs === undefined) return false;
	return readdirSync(SOURCE, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
		.every((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs <= builtMs);
}
