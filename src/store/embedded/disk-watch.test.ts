import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFixture } from '../engine-fixture.ts';

const dir = mkdtempSync(join(tmpdir(), 'throughline-disk-'));
const mount = (...options: string[]) => spawnSync('mount', [...options, dir]).status === 0;
const mounted = mount('-t', 'tmpfs', '-o', 'size=512m', 'tmpfs');
const size = (text: string) => expect(mount('-o', `remount,size=${text}`)).toBe(true);

describe.skipIf(!mounted)('a disk that runs full below the engine (needs a tmpfs, so root)', () => {
	beforeAll(() => size('512m'));
	afterAll(() => {
		spawnSync('umount', ['-l', dir]);
		rmSync(dir, { recursive: true, force: true });
	});

	test('the engine starts anew at both turns, refuses loads in between, answers questions, and takes loads again', async () => {
		await using fixture = await startFixture({ dir: join(dir, 'engine') });
		const { store, engine, events } = fixture;
		const insert = () => store.insert('INSERT INTO t FORMAT CSV', [Buffer.from('1\n')], { database: '' });
		const deaths = async (count: number) => {
			while (events.filter(({ type }) => type === 'died').length < count) await sleep(20);
			await engine.endpoint(20_000);
		};
		await store.command('CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x', {}, { database: '' });
		await insert();
		// In blocks the file system does not round up: below what it holds a size is refused.
		const used = Number(spawnSync('df', ['--output=used', '-k', dir], { encoding: 'utf8' }).stdout.split('\n')[1]);
		size(`${used + 2048}k`);
		await deaths(1);
		await expect(insert()).rejects.toMatchObject({ code: 'unavailable', retryable: true, hint: expect.stringContaining('full') });
		expect((await store.query('SELECT x FROM t', {}, { database: '' })).rows).toEqual([{ x: 1 }]);
		size('512m');
		await deaths(2);
		await insert();
		expect((await store.query('SELECT x FROM t', {}, { database: '' })).rows.length).toBe(2);
		expect(events.flatMap((event) => (event.type === 'died' ? [event.lastWords] : []))).toEqual([
			expect.stringContaining('the disk is full'),
			expect.stringContaining('the disk has room again'),
		]);
	});
});
