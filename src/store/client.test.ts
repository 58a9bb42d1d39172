import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../base/errors.ts';
import { Store } from './client.ts';
import { type EngineFixture, startFixture } from './engine-fixture.ts';

const ENDLESS = 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)';

describe('the store on the embedded engine', () => {
	let fixture: EngineFixture;
	beforeAll(async () => {
		fixture = await startFixture({ schema: false, backoff: { firstMs: 1, maxMs: 1, healthyMs: 0 } });
		await fixture.store.command('CREATE DATABASE throughline', {}, { database: '' });
	});
	afterAll(async () => {
		await fixture[Symbol.asyncDispose]();
	});

	test('answers rows with what they cost', async () => {
		const answer = await fixture.store.query<{ n: number; text: string }>(
			'SELECT number AS n, {text:String} AS text FROM numbers(3) WHERE has({wanted:Array(UInt64)}, sipHash64(number) * 0 + number)',
			{ text: "'", wanted: [1, 2] },
		);
		expect(answer.rows).toEqual([
			{ n: 1, text: "'" },
			{ n: 2, text: "'" },
		]);
		expect(answer.rowsRead).toBe(3);
		expect(answer.bytesRead).toBeGreaterThan(0);
		expect(answer.elapsedMs).toBeGreaterThan(0);
	});

	test('answers columns', async () => {
		const answer = await fixture.store.queryColumns<{ n: number[]; text: string[] }>(
			'SELECT number AS n, toString(n) AS text FROM numbers(3)',
		);
		expect(answer).toMatchObject({ columns: { n: [0, 1, 2], text: ['0', '1', '2'] }, rowCount: 3, rowsRead: 3 });
	});

	test('a statement may set and name what it needs', async () => {
		const { rows } = await fixture.store.query(
			"SELECT getSetting('max_threads') AS threads, currentDatabase() AS db",
			{},
			{ settings: { max_threads: 3 }, database: 'system' },
		);
		expect(rows).toEqual([{ threads: 3, db: 'system' }]);
	});

	test.each([
		['SELECT * FROM absent', {}, 'internal'],
		['SELECT match({text:String}, {pattern:String})', { text: 'a', pattern: '(' }, 'invalid_argument'],
		['SELECT {n:UInt8}', { n: 'many' }, 'invalid_argument'],
		['SELECT groupArray(number) FROM numbers(100000000) SETTINGS max_memory_usage = 20000000', {}, 'too_large'],
		['SELECT number FROM numbers(1000) SETTINGS max_result_rows = 10', {}, 'too_large'],
	])('%s is a Failure with a code to branch on', async (sql, params, code) => {
		const failure = await fixture.store.query(sql, params).catch((error: unknown) => error);
		expect(failure).toBeInstanceOf(Failure);
		expect(failure).toMatchObject({ code, retryable: false });
	});

	test('time limits and cancellation end the statement in the engine too', async () => {
		const cancel = new AbortController();
		const cancelled = expect(fixture.store.query(ENDLESS, {}, { abortSignal: cancel.signal })).rejects.toMatchObject({ code: 'cancelled' });
		await expect(fixture.store.query(ENDLESS, {}, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'timeout', retryable: false });
		cancel.abort();
		await cancelled;
		let running = 1;
		for (const end = performance.now() + 5_000; running > 0 && performance.now() < end; await sleep(20)) {
			const { rows } = await fixture.store.query<{ n: number }>(
				"SELECT countIf(query LIKE '%1000000000000%' AND query NOT LIKE '%countIf%') AS n FROM system.processes",
			);
			running = rows[0]?.n ?? 1;
		}
		expect(running).toBe(0);
	});

	test('reads and commands wait out the death of the engine', async () => {
		await fixture.store.command('CREATE TABLE survivors (n UInt32) ENGINE = MergeTree ORDER BY n');
		for (let round = 0; round < 3; round++) {
			process.kill(fixture.engine.pid as number, 'SIGKILL');
			const answers = await Promise.all([
				fixture.store.query('SELECT 1 AS one'),
				fixture.store.command(`ALTER TABLE survivors ADD COLUMN IF NOT EXISTS c${round} UInt8`),
				fixture.store.queryColumns('SELECT count() AS n FROM survivors'),
			]);
			expect(answers[0].rows).toEqual([{ one: 1 }]);
			while (fixture.engine.restarts <= round) await sleep(5);
		}
	});

	test('an insert is sent again only when that is safe and its body can be read again', async () => {
		await fixture.store.command('CREATE TABLE halves (n UInt32) ENGINE = MergeTree ORDER BY n');
		const sql = 'INSERT INTO halves (n) FORMAT JSONEachRow';
		const dying = async function* () {
			yield Buffer.from('{"n":1}\n');
			process.kill(fixture.engine.pid as number, 'SIGKILL');
			await sleep(200);
			yield Buffer.from('{"n":2}\n');
		};
		await expect(fixture.store.insert(sql, dying(), { idempotent: true })).rejects.toMatchObject({ code: 'unavailable', retryable: true });
		await fixture.store.ping();

		const generated = (function* () {
			yield Buffer.from('{"n":3}\n');
		})();
		process.kill(fixture.engine.pid as number, 'SIGKILL');
		await expect(fixture.store.insert(sql, generated)).rejects.toMatchObject({ code: 'unavailable' });
		await fixture.store.ping();

		process.kill(fixture.engine.pid as number, 'SIGKILL');
		await fixture.store.insert(sql, [Buffer.from('{"n":4}\n')], { idempotent: true });
		expect((await fixture.store.query('SELECT n FROM halves')).rows).toEqual([{ n: 4 }]);
	});

	test('an engine that does not come back in time is unavailable', async () => {
		const store = new Store({
			target: {
				kind: 'embedded',
				engine: {
					handOverDir: '',
					endpoint: async (withinMs) => await Promise.reject(new Failure('unavailable', `not within ${withinMs}`)),
				},
			},
			database: 'throughline',
		});
		await expect(store.ping()).rejects.toMatchObject({ code: 'unavailable' });
	});
});

describe('the store on a server', () => {
	test('nobody at the address: unavailable after the time it waits', async () => {
		await using store = new Store({
			target: { kind: 'clickhouse', url: 'http://127.0.0.1:9', username: 'default', password: '' },
			database: 'throughline',
			waitForEngineMs: 300,
		});
		const begun = performance.now();
		await expect(store.ping()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
		expect(performance.now() - begun).toBeLessThan(2_000);
	});

	test('speaks to the server at the URL with its credentials and database', async () => {
		const seen: { authorization: string | undefined; database: string | null }[] = [];
		const server = createServer((request, response) => {
			seen.push({
				authorization: request.headers.authorization,
				database: new URL(request.url ?? '', 'http://server').searchParams.get('database'),
			});
			response.end(JSON.stringify({ meta: [], data: [{ one: 1 }], rows: 1, statistics: { elapsed: 0.5, rows_read: 7, bytes_read: 8 } }));
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const address = server.address() as { port: number };
		{
			await using store = new Store({
				target: { kind: 'clickhouse', url: `http://127.0.0.1:${address.port}`, username: 'reader', password: 'secret' },
				database: 'telemetry',
			});
			expect(await store.query('SELECT 1 AS one')).toEqual({ rows: [{ one: 1 }], rowsRead: 7, bytesRead: 8, elapsedMs: 500 });
		}
		server.close();
		expect(seen).toEqual([{ authorization: `Basic ${Buffer.from('reader:secret').toString('base64')}`, database: 'telemetry' }]);
	});
});
