import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EngineFixture, startFixture } from '../engine-fixture.ts';

describe('loads whose part is not there', () => {
	let dir: string;
	beforeEach(() => {
		dir = mkdtempSync(join(tmpdir(), 'throughline-parts-'));
	});
	afterEach(() => rmSync(dir, { recursive: true, force: true }));

	const insert = ({ store }: EngineFixture, token: string) =>
		store.insert('INSERT INTO t FORMAT CSV', [Buffer.from('1\n2\n')], { database: '', settings: { insert_deduplication_token: token } });
	const count = async ({ store }: EngineFixture) =>
		(await store.query<{ rows: number }>('SELECT count() AS rows FROM t', {}, { database: '' })).rows[0]?.rows;
	/** The folders of the table's parts, in order of age. */
	const parts = () => {
		const store = join(dir, 'db', 'store');
		const folders = readdirSync(store).flatMap((prefix) => readdirSync(join(store, prefix)).map((table) => join(store, prefix, table)));
		const table = folders.find((folder) => readdirSync(folder).includes('deduplication_logs')) ?? '';
		return readdirSync(table)
			.filter((name) => name.startsWith('all_'))
			.sort()
			.map((name) => join(table, name));
	};
	/** Two loads of two rows, and the engine stopped. */
	const twoLoads = async () => {
		const fixture = await startFixture({ dir, schema: false });
		await fixture.store.command(
			'CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x SETTINGS non_replicated_deduplication_window = 100',
			{},
			{ database: '' },
		);
		await insert(fixture, 'first');
		await insert(fixture, 'second');
		expect(await count(fixture)).toBe(4);
		await fixture.store[Symbol.asyncDispose]();
		await fixture.engine[Symbol.asyncDispose]();
	};

	test.each([
		['is gone', (part: string) => rmSync(part, { recursive: true })],
		[
			'is nothing but empty files',
			(part: string) => {
				for (const file of readdirSync(part)) truncateSync(join(part, file));
			},
		],
	])('a load whose part %s may be repeated, the others still count once', async (_how, damage) => {
		await twoLoads();
		damage(parts()[1] ?? '');
		await using fixture = await startFixture({ dir, schema: false });
		expect(fixture.events[0]).toMatchObject({ type: 'ready', repaired: ['all_2_2_0'] });
		expect(await count(fixture)).toBe(2);
		await insert(fixture, 'first');
		await insert(fixture, 'second');
		expect(await count(fixture)).toBe(4);
		await insert(fixture, 'second');
		expect(await count(fixture)).toBe(4);
	});

	test('what was merged or dropped is not forgotten', async () => {
		await twoLoads();
		const before = await startFixture({ dir, schema: false });
		await before.store.command('OPTIMIZE TABLE t FINAL', {}, { database: '' });
		await before.store[Symbol.asyncDispose]();
		await before.engine[Symbol.asyncDispose]();
		await using fixture = await startFixture({ dir, schema: false });
		expect(fixture.events[0]).toMatchObject({ type: 'ready', repaired: [] });
		await insert(fixture, 'first');
		expect(await count(fixture)).toBe(4);
	});
});
