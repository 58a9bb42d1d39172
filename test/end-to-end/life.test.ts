/** Starting and stopping the real process. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startPlatform } from '../../tools/run/platform.ts';

const folder = mkdtempSync(join(tmpdir(), 'life-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a platform told to stop the moment it is ready stops in order, again and again in one directory', { timeout: 60_000 }, async () => {
	const logFile = join(folder, 'platform.log');
	const ends: unknown[] = [];
	for (let round = 0; round < 4; round++) {
		const platform = await startPlatform({ dataDir: join(folder, 'data'), logFile });
		await platform.stop();
		ends.push(await platform.ended);
	}
	expect(ends).toEqual(Array.from({ length: 4 }, () => ({ code: 0, signal: null })));
	expect(readFileSync(logFile, 'utf8').match(/"msg":"stopped"/g)).toHaveLength(4);
});
