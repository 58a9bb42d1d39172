/** The schema in the real engine: what the migrations make, and what the views make of spans. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ARRIVAL, SPANS, TABLES, type TableSpec } from '../../model/schema.ts';
import { Store } from '../client.ts';
import { type EngineFixture, nativeBytes, selectColumns, startFixture } from '../engine-fixture.ts';
import { load } from '../load.ts';
import { latencyBucket } from './latency.ts';
import { migrate, readMigrations } from './migrate.ts';

const HOUR = 1_790_000_000 - (1_790_000_000 % 3600);
const NS_EXTREMES = '[toInt64(-9223372036854775808), -1, 0, 1790000000000000000, 9223372036854775807]';

describe('the schema', () => {
	let fixture: EngineFixture;
	beforeAll(async () => {
		fixture = await startFixture({ schema: false });
	});
	afterAll(async () => {
		await fixture[Symbol.asyncDispose]();
	});

	const insert = async (table: TableSpec, expressions: Record<string, string>, source: string) => {
		const bytes = await nativeBytes(fixture.engine, selectColumns(table, expressions, source));
		await load(fixture.store, table, [bytes], `${table.table}-${Math.random()}`);
	};

	test('a dry run says what it would do and does nothing', async () => {
		const report = await migrate(fixture.store, { dryRun: true });
		expect(report.applied.map((migration) => migration.id)).toEqual((await readMigrations()).map((migration) => migration.id));
		const { rows } = await fixture.store.query("SELECT name FROM system.databases WHERE name = 'throughline'", {}, { database: '' });
		expect(rows).toEqual([]);
	});

	test('migrations run once, in order, and a database half migrated is completed', async () => {
		const all = await readMigrations();
		expect(all.map((migration) => migration.id)).toEqual(all.map((migration) => migration.id).sort());
		expect((await migrate(fixture.store)).applied).toHaveLength(all.length);
		expect(await migrate(fixture.store)).toEqual({ applied: [], unknown: [] });
		// As if the process had died after the statements and before the records.
		await fixture.store.command('TRUNCATE TABLE schema_migrations');
		expect((await migrate(fixture.store)).applied).toHaveLength(all.length);
		expect(await migrate(fixture.store)).toEqual({ applied: [], unknown: [] });
	});

	test('a migration that was applied in another form is a conflict; one from the future is reported', async () => {
		await using other = new Store({ target: { kind: 'embedded', engine: fixture.engine }, database: 'other_form' });
		await migrate(other);
		await other.command("INSERT INTO schema_migrations VALUES ('9999_future', 'x', now64(3))");
		expect(await migrate(other)).toEqual({ applied: [], unknown: ['9999_future'] });
		await other.command("INSERT INTO schema_migrations VALUES ('0001_live_tier', 'changed', now64(3) + 1)");
		await expect(migrate(other)).rejects.toMatchObject({ code: 'conflict', hint: expect.any(String) });
	});

	test.each(TABLES)(
		'$table and its kept table have the columns of the model, in order, and so has their view',
		async ({ table, columns }) => {
			const sql = 'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position';
			const view = table.replace(/_live$/, '');
			expect((await fixture.store.query(sql, { table })).rows).toEqual([...columns, ARRIVAL]);
			expect((await fixture.store.query(sql, { table: `${view}_kept` })).rows).toEqual([...columns, { name: 'roll', type: 'UInt64' }]);
			expect((await fixture.store.query(sql, { table: view })).rows).toEqual(columns);
		},
	);

	test.each(TABLES)('$table takes a load of its columns, and counts it once', async (table) => {
		const bytes = await nativeBytes(fixture.engine, selectColumns(table, { hour: String(HOUR) }, 'numbers(7)'));
		for (let times = 0; times < 2; times++) await load(fixture.store, table, [bytes], 'defaults');
		const { rows } = await fixture.store.query(`SELECT count() AS n FROM ${table.table.replace(/_live$/, '')}`);
		expect(rows).toEqual([{ n: 7 }]);
	});

	test('every table that is filled by loads remembers its blocks', async () => {
		const { rows } = await fixture.store.query<{ name: string; engine_full: string }>(
			"SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_migrations' AND name NOT LIKE '%_kept' AND name != 'tier_state'",
		);
		expect(rows.map((row) => row.name).sort()).toEqual([
			'logs_live',
			'metric_points_live',
			'service_rollup_1m',
			'span_rollup_1m',
			'spans_live',
			'trace_summaries',
		]);
		for (const row of rows) expect(row.engine_full).toContain('non_replicated_deduplication_window = 10000');
	});

	test('a trace that comes in pieces is one row: bounds, counts, services, and the root once it is there', async () => {
		const span = (name: string, startMs: number, root: boolean, error: boolean) => ({
			hour: String(HOUR),
			trace_id: "unhex('0102030405060708090a0b0c0d0e0f10')",
			span_id: `'${name.padEnd(8, '.').slice(0, 8)}'`,
			parent_span_id: root ? "toFixedString('', 8)" : "'parent..'",
			service_name: `'${name.split(' ')[0]}'`,
			name: `'${name}'`,
			start_time: `fromUnixTimestamp64Milli(toInt64(${HOUR * 1000 + startMs}))`,
			duration_ns: '5000000',
			status_code: error ? '2' : '0',
		});
		const summary = async () =>
			(
				await fixture.store.query<Record<string, unknown>>('SELECT * EXCEPT (trace_id) FROM traces WHERE trace_id = unhex({id:String})', {
					id: '0102030405060708090a0b0c0d0e0f10',
				})
			).rows[0];

		await insert(SPANS, span('cart get', 20, false, true), 'numbers(1)');
		await insert(SPANS, { ...span('stock check', 30, false, false), hour: String(HOUR + 3600) }, 'numbers(2)');
		expect(await summary()).toMatchObject({ root_missing: 1, root_service: 'cart', root_name: 'cart get', span_count: 3, error_count: 1 });

		await insert(SPANS, span('shop buy', 25, true, false), 'numbers(1)');
		const { start_time, end_time, ...rest } = (await summary()) as { start_time: string; end_time: string };
		expect([start_time.slice(-9), end_time.slice(-9)]).toEqual(['020000000', '035000000']);
		expect(rest).toEqual({
			duration_ns: 15_000_000,
			span_count: 4,
			error_count: 1,
			root_missing: 0,
			root_service: 'shop',
			root_name: 'shop buy',
			service_spans: { cart: 1, shop: 1, stock: 2 },
			service_errors: { cart: 1 },
		});
	});

	test('filters on the id of a trace reach the primary key through the view', async () => {
		for (const filter of [
			"trace_id = unhex('0102030405060708090a0b0c0d0e0f10')",
			'trace_id IN (SELECT trace_id FROM trace_summaries LIMIT 1)',
		]) {
			const { rows } = await fixture.store.query<{ explain: string }>(`EXPLAIN indexes = 1 SELECT * FROM traces WHERE ${filter}`);
			expect(rows.map((row) => row.explain).join('\n')).toMatch(/PrimaryKey\s+Keys:\s+trace_id\s/);
		}
	});

	test('the rollup counts what the spans say, in buckets that the program computes alike', async () => {
		const durations = [0, -7, 1, 2, 3, 1_000, 123_456_789, 3_600_000_000_000, 2 ** 62];
		await insert(
			SPANS,
			{
				hour: String(HOUR),
				service_name: "'rolled'",
				name: "'op'",
				kind: '2',
				start_time: `fromUnixTimestamp64Milli(toInt64(${HOUR * 1000 + 61_000}))`,
				duration_ns: `arrayElement([${durations.map((ns) => `toInt64(${BigInt(ns)})`).join(', ')}], number + 1)`,
				status_code: 'if(number < 2, 2, 0)',
				resource: `'{"attributes":{"service.name":"rolled","telemetry.sdk.language":"rust"}}'`,
			},
			`numbers(${durations.length})`,
		);
		const latency: Record<string, number> = {};
		for (const ns of durations) latency[latencyBucket(ns)] = (latency[latencyBucket(ns)] ?? 0) + 1;
		const expected = { minute: HOUR + 60, calls: durations.length, errors: 2, latency, language: 'rust', kind: 2, is_root: 1 };
		const columns = 'toUnixTimestamp(minute) AS minute, calls, errors, latency, language, kind, is_root';
		for (const view of ['span_rollup', 'service_rollup']) {
			const { rows } = await fixture.store.query(`SELECT ${columns} FROM ${view} WHERE service_name = 'rolled'`);
			expect(rows).toEqual([expected]);
		}
	});

	test('no span, however odd, is refused by a view, and odd times make no partitions of their own', async () => {
		const before = await fixture.store.query<{ n: number }>('SELECT count() AS n FROM spans');
		await insert(
			SPANS,
			{
				hour: String(HOUR),
				trace_id: 'toFixedString(toString(number), 16)',
				start_time: `fromUnixTimestamp64Nano(arrayElement(${NS_EXTREMES}, 1 + number % 5))`,
				duration_ns: `arrayElement(${NS_EXTREMES}, 1 + intDiv(number, 5) % 5)`,
				kind: 'arrayElement([toInt32(-2147483648), 2147483647, 99, 0, 3], 1 + number % 5)',
				resource: `arrayElement(['', '{', '[]', 'null', '{"attributes":{"telemetry.sdk.language":{"a":1}}}'], 1 + number % 5)`,
			},
			'numbers(25)',
		);
		const after = await fixture.store.query<{ n: number }>('SELECT count() AS n FROM spans');
		expect((after.rows[0]?.n ?? 0) - (before.rows[0]?.n ?? 0)).toBe(25);
		const days = await fixture.store.query(
			"SELECT DISTINCT partition FROM system.parts WHERE active AND database = currentDatabase() AND table = 'span_rollup_1m'",
		);
		expect(days.rows).toHaveLength(1);
		const kinds = await fixture.store.query<{ kind: number }>(
			"SELECT DISTINCT kind FROM span_rollup WHERE service_name = '' ORDER BY kind",
		);
		expect(kinds.rows).toEqual([{ kind: 0 }, { kind: 3 }]);
	});

	test('late data may touch every hour of a week in one load', async () => {
		await insert(
			SPANS,
			{
				hour: `${HOUR} - number * 3600`,
				trace_id: "'late'",
				start_time: `fromUnixTimestamp64Nano(toInt64(${HOUR} - number * 3600) * 1000000000)`,
			},
			'numbers(169)',
		);
		const { rows } = await fixture.store.query("SELECT span_count FROM traces WHERE trace_id = toFixedString('late', 16)");
		expect(rows).toEqual([{ span_count: 169 }]);
	});
});
