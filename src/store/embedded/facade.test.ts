/** The HTTP interface of the real engine, as the official client and plain HTTP see it. */

import { existsSync } from 'node:fs';
import { readdir, rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineFixture, nativeBytes, startFixture } from '../engine-fixture.ts';
import type { Endpoint } from './supervisor.ts';

const ENDLESS = 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)';
const READS = 3;

describe('the HTTP interface of the embedded engine', () => {
	let fixture: EngineFixture;
	let endpoint: Endpoint;
	let client: ClickHouseClient;

	beforeAll(async () => {
		fixture = await startFixture({ schema: false, sessions: READS });
		endpoint = await fixture.engine.endpoint(10_000);
		client = createClient({
			url: endpoint.url,
			username: endpoint.username,
			password: endpoint.password,
			max_open_connections: 200,
			use_multipart_params_auto: true,
			log: { level: ClickHouseLogLevel.OFF },
		});
	});
	afterAll(async () => {
		await client.close();
		await fixture[Symbol.asyncDispose]();
	});

	const rows = async <T>(query: string, params: Record<string, unknown> = {}, settings = {}): Promise<T[]> =>
		await (await client.query({ query, query_params: params, format: 'JSONEachRow', clickhouse_settings: settings })).json<T>();
	const running = async () =>
		(await rows<{ query: string }>("SELECT query FROM system.processes WHERE query NOT LIKE '%system.processes%'")).length;
	const untilIdle = async () => {
		for (const end = performance.now() + 5_000; performance.now() < end; await sleep(20)) if ((await running()) === 0) return;
		throw new Error('statements went on running');
	};
	const http = (path: string, init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {}) =>
		fetch(`${endpoint.url}${path}`, { ...init, headers: { 'x-clickhouse-key': endpoint.password, ...init.headers } });

	test('answers both kinds of ping', async () => {
		expect(await client.ping()).toMatchObject({ success: true });
		expect(await client.ping({ select: true })).toMatchObject({ success: true });
	});

	test.skipIf(!existsSync('/dev/full'))('a full disk is said to be one, so that the data is kept and sent again', async () => {
		await client.command({ query: 'CREATE TABLE full (x UInt8) ENGINE = Memory' });
		// Bodies go to files called <pid>-<number>: whichever comes next lies on a disk without room.
		const incoming = join(fixture.dir, 'incoming');
		const paths = Array.from({ length: 1000 }, (_, i) => join(incoming, `${fixture.engine.pid}-${i}`));
		for (const path of paths) await symlink('/dev/full', path);
		const answer = await http(`/?query=${encodeURIComponent('INSERT INTO full FORMAT CSV')}`, { method: 'POST', body: '1\n' });
		for (const path of paths) await rm(path, { force: true });
		expect([answer.headers.get('x-clickhouse-exception-code'), await answer.text()]).toEqual(['243', expect.stringContaining('ENOSPC')]);
	});

	test('refuses everything but a ping without the password', async () => {
		const answer = await fetch(`${endpoint.url}/?query=SELECT+1`);
		expect([answer.status, answer.headers.get('x-clickhouse-exception-code')]).toEqual([403, '516']);
		expect(await answer.text()).toContain('AUTHENTICATION_FAILED');
		expect((await fetch(`${endpoint.url}/?query=SELECT+1&password=${endpoint.password.slice(1)}`)).status).toBe(403);
		expect((await fetch(`${endpoint.url}/ping`)).status).toBe(200);
	});

	test('any text, alone and in arrays and maps, comes back as it went in', async () => {
		const text = fc.string({ unit: 'grapheme', maxLength: 40 });
		const control = fc.string({ unit: fc.constantFrom("'", '"', '\\', '\n', '\t', '\0', '`', '{', ';', '--', '/*', 'é', '😀', ',', ']') });
		await fc.assert(
			fc.asyncProperty(fc.oneof(text, control), fc.array(fc.oneof(text, control), { maxLength: 5 }), async (one, many) => {
				const [row] = await rows<{ one: string; many: string[]; map: Record<string, string> }>(
					'SELECT {one:String} AS one, {many:Array(String)} AS many, {map:Map(String, String)} AS map',
					{ one, many, map: { key: one } },
				);
				expect(row).toEqual({ one, many, map: { key: one } });
			}),
			{ numRuns: 150 },
		);
	});

	test('numbers, dates, nulls, identifiers and thousands of values are bound too', async () => {
		const [row] = await rows(
			'SELECT {n:UInt64} AS n, {d:DateTime64(3)} AS d, {z:Nullable(String)} AS z, {c:Identifier} AS c FROM (SELECT 5 AS `a b`)',
			{
				n: 18_446_744_073_709_551_615n,
				d: new Date(1_700_000_000_123),
				z: null,
				c: 'a b',
			},
			{ output_format_json_quote_64bit_integers: 1 },
		);
		expect(row).toEqual({ n: '18446744073709551615', d: '2023-11-14 22:13:20.123', z: null, c: 5 });
		const many = Array.from({ length: 20_000 }, (_, i) => `id-${i}`);
		expect(await rows('SELECT length({many:Array(String)}) AS n', { many })).toEqual([{ n: 20_000 }]);
	});

	test('settings, parameters and the database of one statement are gone for the next', async () => {
		await client.command({ query: 'CREATE DATABASE IF NOT EXISTS other' });
		const sql = "SELECT getSetting('max_threads') AS threads, currentDatabase() AS db";
		const settings = { max_threads: 7, database: 'other' };
		expect(await rows(sql, {}, settings)).toEqual([{ threads: 7, db: 'other' }]);
		const after = await Promise.all(Array.from({ length: 2 * READS }, () => rows<{ threads: number; db: string }>(sql)));
		expect(after.flat().every((row) => row.threads !== 7 && row.db === 'default')).toBe(true);
		await expect(rows('SELECT {one:String} AS one')).rejects.toMatchObject({ code: '456' });
	});

	test.each([
		['SELECT * FROM absent', '60', 'UNKNOWN_TABLE', 404],
		['SELECT absent', '47', 'UNKNOWN_IDENTIFIER', 404],
		['SELECT throwIf(1)', '395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO', 500],
		['SELECT 1 SETTINGS absent = 1', '115', 'UNKNOWN_SETTING', 404],
		['SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_execution_time = 1, max_block_size = 1', '159', 'TIMEOUT_EXCEEDED', 408],
		['SELECT groupArray(number) FROM numbers(100000000) SETTINGS max_memory_usage = 20000000', '241', 'MEMORY_LIMIT_EXCEEDED', 500],
	])('errors are the engine’s: %s', async (query, code, type, status) => {
		await expect(rows(query)).rejects.toMatchObject({ code, type });
		const plain = await http('/', { method: 'POST', body: query });
		expect([plain.status, plain.headers.get('x-clickhouse-exception-code')]).toEqual([status, code]);
		expect(await plain.text()).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(${type}\\)`, 's'));
	});

	test('a syntax error is a 400', async () => {
		await expect(rows('SELEC 1')).rejects.toMatchObject({ code: '62' });
		expect((await http('/?query=SELEC+1')).status).toBe(400);
		expect((await http('/')).status).toBe(400);
	});

	test('GET, POST, the default format and the cost of a statement', async () => {
		const get = await http('/?query=SELECT+number+FROM+numbers(3)&default_format=CSV&query_id=mine');
		expect(await get.text()).toBe('0\n1\n2\n');
		expect(get.headers.get('x-clickhouse-query-id')).toBe('mine');
		expect(JSON.parse(get.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ read_rows: '3', read_bytes: '24' });
		const post = await http('/?query=SELECT+1', { method: 'POST', body: '+ 1 FORMAT JSONCompact' });
		expect(((await post.json()) as { data: unknown }).data).toEqual([[2]]);
	});

	test('inserts take JSON, CSV and Native bodies by column name, and leave no files behind', async () => {
		await client.command({ query: 'CREATE TABLE items (id UInt64, name String, tags Map(String, String)) ENGINE = MergeTree ORDER BY id' });
		await client.insert({ table: 'items', format: 'JSONEachRow', values: [{ id: '1', name: "it's", tags: { a: 'b' } }] });
		await client.insert({ table: 'items', format: 'JSONCompactEachRow', columns: ['name', 'id'], values: [['two', 2]] });
		const native = await nativeBytes(fixture.engine, "SELECT 'three\\0' AS name, map('k', 'v') AS tags, toUInt64(3) AS id");
		const answer = await http(`/?query=${encodeURIComponent('INSERT INTO items (id, name, tags) FORMAT Native')}`, {
			method: 'POST',
			body: native,
		});
		expect([answer.status, await answer.text()]).toEqual([200, '']);
		await client.command({ query: "INSERT INTO items VALUES (4, 'four', map())" });
		await http('/?query=INSERT+INTO+items+FORMAT+Native', { method: 'POST', body: '' });
		expect(await rows('SELECT * FROM items ORDER BY id')).toEqual([
			{ id: 1, name: "it's", tags: { a: 'b' } },
			{ id: 2, name: 'two', tags: {} },
			{ id: 3, name: 'three\0', tags: { k: 'v' } },
			{ id: 4, name: 'four', tags: {} },
		]);
		const bad = await http('/?query=INSERT+INTO+items+FORMAT+Native', { method: 'POST', body: 'no Native block' });
		expect(bad.status).toBeGreaterThanOrEqual(400);
		expect(await readdir(join(fixture.dir, 'incoming'))).toEqual([]);
	});

	test('a client that leaves frees the engine, for running and for waiting statements', async () => {
		const leaving = new AbortController();
		const asked = Array.from({ length: READS + 5 }, () =>
			client.query({ query: ENDLESS, abort_signal: leaving.signal }).catch(() => 'left'),
		);
		await sleep(400);
		leaving.abort();
		expect(new Set(await Promise.all(asked))).toEqual(new Set(['left']));
		const begun = performance.now();
		expect(await rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
		await untilIdle();
		expect(performance.now() - begun).toBeLessThan(20_000);
	});

	test('reads that fill every session keep no insert from being stored', async () => {
		const leaving = new AbortController();
		const asked = Array.from({ length: READS * 2 }, () =>
			client.query({ query: ENDLESS, abort_signal: leaving.signal }).catch(() => 'left'),
		);
		await sleep(200);
		await client.command({ query: 'CREATE TABLE lane (x UInt8) ENGINE = MergeTree ORDER BY x' });
		await client.insert({ table: 'lane', values: [{ x: 1 }], format: 'JSONEachRow' });
		leaving.abort();
		await Promise.all(asked);
		await untilIdle();
		expect(await rows('SELECT count() AS n FROM lane')).toEqual([{ n: 1 }]);
	});

	test('more statements than may wait are refused, not lost', async () => {
		const leaving = new AbortController();
		const codes: string[] = [];
		const asked = Array.from({ length: 128 + READS + 4 }, () =>
			client
				.query({ query: ENDLESS, abort_signal: leaving.signal })
				.catch((error: { code?: string }) => void codes.push(error.code ?? 'left')),
		);
		for (const end = performance.now() + 10_000; codes.length < 4 && performance.now() < end; ) await sleep(20);
		expect(codes).toEqual(['202', '202', '202', '202']);
		leaving.abort();
		await Promise.all(asked);
		await untilIdle();
	});

	test('many statements at once each get their own answer', async () => {
		const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => rows<{ n: number }>('SELECT {n:UInt32} * 2 AS n', { n: i })));
		expect(answers.map(([row]) => row?.n)).toEqual(Array.from({ length: 100 }, (_, i) => i * 2));
	});

	test('what is too long or too strange is refused and the engine lives on', async () => {
		const long = await http('/', { method: 'POST', body: `SELECT '${'x'.repeat(9 * 1024 * 1024)}'` }).catch(() => undefined);
		expect(long?.status ?? 413).toBe(413);
		expect((await http('/?query=SELECT+1', { method: 'POST', body: 'x', headers: { 'content-encoding': 'gzip' } })).status).toBe(501);
		expect((await http('/nothing-here')).status).toBe(400);
		await new Promise<void>((resolve) => {
			const socket = connect(Number(new URL(endpoint.url).port), '127.0.0.1', () => socket.end('nonsense\r\n\r\n'));
			socket.on('close', () => resolve());
			socket.resume();
		});
		expect(await rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
	});

	test('an answer beyond its limit is an error that says so', async () => {
		const sql = "SELECT repeat('x', 100000) AS x FROM numbers(100) SETTINGS max_block_size = 10";
		await expect(rows(sql, {}, { max_result_bytes: '1000000' })).rejects.toMatchObject({ code: '396' });
		expect(await rows(sql)).toHaveLength(100);
	});
});
