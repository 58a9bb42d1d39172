import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockDirectory } from './directory-lock.ts';

const LOCK_MODULE = new URL('./directory-lock.ts', import.meta.url).href;

describe('the lock on a data directory', () => {
	let dir: string;
	beforeEach(async () => {
		dir = await mkdtemp(join(tmpdir(), 'throughline-lock-'));
	});
	afterEach(async () => {
		await rm(dir, { recursive: true, force: true });
	});

	test('a second holder is refused with the pid of the first and a hint, and gets it after the release', () => {
		const first = lockDirectory(dir);
		expect(() => lockDirectory(dir)).toThrow(
			expect.objectContaining({ code: 'conflict', message: expect.stringContaining(`pid ${process.pid}`), hint: expect.any(String) }),
		);
		first.release();
		first.release();
		lockDirectory(dir).release();
	});

	test('a process that was killed leaves a lock that is taken over', async () => {
		const holder = spawn(process.execPath, [
			'--input-type=module',
			'-e',
			`import { lockDirectory } from ${JSON.stringify(LOCK_MODULE)}; lockDirectory(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000)`,
		]);
		await once(holder.stdout, 'data');
		expect(() => lockDirectory(dir)).toThrow(expect.objectContaining({ code: 'conflict' }));
		holder.kill('SIGKILL');
		await once(holder, 'exit');
		lockDirectory(dir).release();
	});

	test('a pid in use again by another process does not hold the lock', async () => {
		await writeFile(join(dir, 'lock.json'), JSON.stringify({ pid: process.pid, started: 'before this boot', token: 'old' }));
		const lock = lockDirectory(dir);
		expect(JSON.parse(await readFile(join(dir, 'lock.json'), 'utf8'))).toMatchObject({ pid: process.pid });
		lock.release();
	});

	test('a lock file cut short by a crash is taken over', async () => {
		await writeFile(join(dir, 'lock.json'), '{"pid":');
		lockDirectory(dir).release();
	});

	test('releasing does not remove the lock of a later holder', async () => {
		const first = lockDirectory(dir);
		await rm(join(dir, 'lock.json'));
		const second = lockDirectory(dir);
		first.release();
		expect(() => lockDirectory(dir)).toThrow(expect.objectContaining({ code: 'conflict' }));
		second.release();
	});
});
