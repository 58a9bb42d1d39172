/** Starting and stopping the real process. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startPlatform } from '../../tools/run/platform.ts';

const folder = mkdtempSync(join(tmpdir(), 'life-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a platform told to stop the moment it is ready stops in order, again and again in one directory', async () => {
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

test('a database server that does not answer is named, with the setting to look at', async () => {
	const env = { THROUGHLINE_STORAGE_CLICKHOUSE_URL: 'http://127.0.0.1:1' };
	const started = startPlatform({ dataDir: join(folder, 'no-server'), env });
	await expect(started).rejects.toThrow(/cannot reach the database: .*127\.0\.0\.1:1\n.*storage\.clickhouse\.url/);
	expect(readFileSync(`${join(folder, 'no-server')}.log`, 'utf8')).toMatch(/"level":"info".*"url":"http:\/\/127\.0\.0\.1:1".*waiting/);
});

test('a data directory that cannot be is an error with a cure, not a stack', async () => {
	const file = join(folder, 'file');
	writeFileSync(file, '');
	const started = startPlatform({ dataDir: file, logFile: join(folder, 'file.log') });
	await expect(started).rejects.toThrow(/throughline: cannot use the data directory .*file: EEXIST.*\n.*THROUGHLINE_DATA_DIR/);
});
