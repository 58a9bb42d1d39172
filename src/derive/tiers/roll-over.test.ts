/** The roll-over against a real engine: what readers see, what comes late, and every point at which it can end. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../../base/errors.ts';
import { LOGS, METRIC_POINTS, SPANS } from '../../model/schema.ts';
import { Store } from '../../store/client.ts';
import { type EngineFixture, startFixture } from '../../store/engine-fixture.ts';
import { useOneStringStream } from '../../store/schema/string-stream.ts';
import { FIRST_HOUR, HOUR_S, TiersFixture } from './tiers-fixture.ts';

const ROWS = 4_000;

let engine: EngineFixture;
let tiers: TiersFixture;

beforeAll(async () => {
	engine = await startFixture({ backoff: { firstMs: 1, maxMs: 1, healthyMs: 0 } });
	await useOneStringStream(engine.store);
});
afterAll(async () => {
	await engine[Symbol.asyncDispose]();
});
beforeEach(() => {
	tiers = new TiersFixture(engine);
});
afterEach(async () => {
	const tables = ['spans', 'logs', 'metric_points'].flatMap((view) => [`${view}_live`, `${view}_kept`]);
	for (const table of [...tables, 'tier_state', 'trace_summaries', 'span_rollup_1m', 'service_rollup_1m'])
		await engine.store.command(`TRUNCATE TABLE ${table}`);
});

interface Seen {
	readonly rows: number;
	/** Of everything in every row, whichever the order. */
	readonly sum: string;
}

async function seen(view: string, store = engine.store): Promise<Seen> {
	const { rows } = await store.query<Seen>(`SELECT count() AS rows, toString(sum(cityHash64(*))) AS sum FROM ${view}`);
	return rows[0] as Seen;
}

async function count(from: string): Promise<number> {
	return (await engine.store.query<{ rows: number }>(`SELECT count() AS rows FROM ${from}`)).rows[0]?.rows ?? -1;
}

describe('an hour that has aged', () => {
	test('moves into the kept table as it was, and no reader can tell', async () => {
		for (const hour of [FIRST_HOUR, FIRST_HOUR + HOUR_S]) {
			await tiers.load(SPANS, await tiers.spans(ROWS, hour));
			await tiers.load(
				LOGS,
				await tiers.bytes(LOGS, { expressions: { hour: String(hour), body: 'toString(number)' }, source: 'numbers(100)' }),
			);
			await tiers.load(METRIC_POINTS, await tiers.bytes(METRIC_POINTS, { expressions: { hour: String(hour) }, source: 'numbers(100)' }));
		}
		const views = ['spans', 'logs', 'metric_points', 'traces', 'span_rollup', 'service_rollup'];
		const before = await Promise.all(views.map((view) => seen(view)));
		tiers.nowS = FIRST_HOUR + 2 * HOUR_S - 1;
		await tiers.run();
		expect(await count('spans_kept')).toBe(0);

		tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
		await tiers.run();
		expect(await Promise.all(views.map((view) => seen(view)))).toEqual(before);
		expect([await count('spans_kept'), await count('logs_kept'), await count('metric_points_kept')]).toEqual([ROWS, 100, 100]);
		expect(await count('spans_live')).toBe(2 * ROWS);

		await tiers.run();
		expect(await Promise.all(views.map((view) => seen(view)))).toEqual(before);
		expect([await count('spans_kept'), await count('spans_live'), await count('logs_live')]).toEqual([ROWS, ROWS, 100]);
	});

	test('a question for a part of the time reads neither the rest of the kept tier nor what is on its way', async () => {
		for (let hour = 0; hour < 4; hour++) await tiers.load(SPANS, await tiers.spans(16_384, FIRST_HOUR + hour * HOUR_S));
		tiers.nowS = FIRST_HOUR + 5 * HOUR_S;
		await tiers.run();
		await tiers.run();
		expect(await count('spans_kept')).toBe(4 * 16_384);
		const within = `start_time >= fromUnixTimestamp64Milli(toInt64(${(FIRST_HOUR + HOUR_S) * 1000})) AND start_time < fromUnixTimestamp64Milli(toInt64(${(FIRST_HOUR + 2 * HOUR_S) * 1000}))`;
		const { rows, rowsRead } = await engine.store.query<{ rows: number }>(
			`SELECT count() AS rows FROM spans WHERE ${within} AND duration_ns > 0`,
		);
		expect(rows[0]?.rows).toBe(16_384);
		// One row of state is read for each half.
		expect(rowsRead).toBeLessThan(16_384 + 50);
	});
});

describe('what comes late', () => {
	test('is seen at once, moves when it has aged, and counts once although its segment is loaded again', async () => {
		const hour = FIRST_HOUR;
		await tiers.load(SPANS, await tiers.spans(ROWS, hour));
		tiers.nowS = hour + 2 * HOUR_S;
		await tiers.run();
		await tiers.run();
		expect([await count('spans_live'), await count('spans_kept')]).toEqual([0, ROWS]);

		const late = await tiers.bytes(SPANS, {
			expressions: { hour: String(hour), trace_id: "toFixedString('late', 16)" },
			source: 'numbers(10)',
		});
		const lateAt = tiers.nowS;
		const token = await tiers.load(SPANS, late);
		expect(await count('spans')).toBe(ROWS + 10);
		// As long as its segment is in the buffer nothing of it moves, so that its token is still known when it is loaded again.
		tiers.nowS += 2 * HOUR_S;
		await tiers.run({ storedBeforeMs: () => lateAt * 1_000 });
		await tiers.load(SPANS, late, token, lateAt);
		expect([await count('spans'), await count('spans_kept')]).toEqual([ROWS + 10, ROWS]);

		await tiers.run();
		expect([await count('spans'), await count('spans_kept')]).toEqual([ROWS + 10, ROWS + 10]);
		await tiers.run();
		expect([await count('spans'), await count('spans_live')]).toEqual([ROWS + 10, 0]);
		expect(await count('(SELECT sum(span_count) AS n FROM trace_summaries) WHERE n = 4010')).toBe(1);
	});

	test('between the copy and its switch it is not taken for copied, nor deleted in a part with what was', async () => {
		const block = await tiers.spans(ROWS, FIRST_HOUR);
		await tiers.load(SPANS, block);
		tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
		const late = await tiers.bytes(SPANS, { expressions: { hour: String(FIRST_HOUR) }, source: 'numbers(10)' });
		const store = intercepted(async (sql, send) => {
			if (sql.startsWith('INSERT INTO spans_kept')) {
				await send();
				await tiers.load(SPANS, late);
				await engine.store.command('OPTIMIZE TABLE spans_live FINAL');
			} else await send();
		});
		await tiers.run({ store });
		expect([await count('spans'), await count('spans_kept')]).toEqual([ROWS + 10, ROWS]);
		await tiers.run();
		expect([await count('spans'), await count('spans_live')]).toEqual([ROWS + 10, 10]);
	});

	test('with a clock that went back it is given no second that is closed', async () => {
		await tiers.load(SPANS, await tiers.spans(ROWS, FIRST_HOUR));
		tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
		await tiers.run();
		tiers.nowS = FIRST_HOUR + HOUR_S;
		await tiers.load(SPANS, await tiers.bytes(SPANS, { expressions: { hour: String(FIRST_HOUR) }, source: 'numbers(10)' }));
		expect(await count('spans')).toBe(ROWS + 10);
		await tiers.run();
		expect(await count('spans')).toBe(ROWS + 10);
	});
});

/** A store whose commands go through `around`, which sends them or does not. */
function intercepted(around: (sql: string, send: () => Promise<void>) => Promise<void>): Store {
	const store = new Store({ target: { kind: 'embedded', engine: engine.engine }, database: 'throughline' });
	const command = store.command.bind(store);
	store.command = (sql, params, options) => around(sql, () => command(sql, params, options));
	return store;
}

describe('a roll-over that ends', () => {
	/** Reads the view as fast as it answers, until told to stop; what it saw that was not `expected`. */
	function watch(expected: Seen): { stop(): Promise<{ wrong: Seen[]; reads: number }> } {
		const store = new Store({ target: { kind: 'embedded', engine: engine.engine }, database: 'throughline' });
		const wrong: Seen[] = [];
		let reads = 0;
		let stopped = false;
		const reading = (async () => {
			while (!stopped) {
				// While the engine is away nobody sees anything.
				const answer = await seen('spans', store).catch(() => undefined);
				if (answer === undefined) continue;
				reads++;
				if (answer.rows !== expected.rows || answer.sum !== expected.sum) wrong.push(answer);
			}
			await store[Symbol.asyncDispose]();
		})();
		return {
			async stop() {
				stopped = true;
				await reading;
				return { wrong, reads };
			},
		};
	}

	const DELETES_LEFT_BEHIND = 'ALTER TABLE spans_kept';
	const STATEMENTS = [
		'INSERT INTO tier_state (table_name, attempt)',
		'INSERT INTO spans_kept',
		DELETES_LEFT_BEHIND,
		'INSERT INTO tier_state (table_name, roll',
		'ALTER TABLE spans_live',
	];

	const ENDS = {
		'before a statement': async (_send: () => Promise<void>) => {
			throw new Error('ended here');
		},
		'after a statement': async (send: () => Promise<void>) => {
			await send();
			throw new Error('ended here');
		},
		'with the engine killed in a statement': async (send: () => Promise<void>) => {
			const sent = send().catch(() => {});
			await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
			process.kill(engine.engine.pid ?? 0, 'SIGKILL');
			await sent;
			throw new Error('ended here');
		},
	};

	test.each(Object.entries(ENDS))('%s, at each of them, loses nothing and shows nothing twice', { timeout: 170_000 }, async (name, end) => {
		const hours = STATEMENTS.length + 1;
		for (let hour = 0; hour < hours; hour++) await tiers.load(SPANS, await tiers.spans(ROWS, FIRST_HOUR + hour * HOUR_S));
		tiers.nowS = FIRST_HOUR + HOUR_S;
		const expected = await seen('spans');
		const watching = watch(expected);
		const ended: string[] = [];
		for (const statement of STATEMENTS) {
			tiers.nowS += HOUR_S;
			// Two runs: the second deletes what the first has moved. Not every end leaves something behind for the next attempt to delete.
			for (let run = 0; run < 2 && !ended.includes(statement); run++) {
				const store = intercepted(async (sql, send) => {
					if (!sql.startsWith(statement) || ended.includes(statement)) return await send();
					ended.push(statement);
					await end(send);
				});
				await tiers.run({ store }).catch((error: unknown) => {
					if (!ended.includes(statement)) throw error;
				});
				await store[Symbol.asyncDispose]();
				expect(await seen('spans')).toEqual(expected);
			}
		}
		await tiers.run();
		await tiers.run();
		const { wrong, reads } = await watching.stop();
		expect(wrong).toEqual([]);
		expect(reads).toBeGreaterThan(10);
		expect(ended).toEqual(expect.arrayContaining(STATEMENTS.filter((statement) => statement !== DELETES_LEFT_BEHIND)));
		if (name.startsWith('after')) expect(ended).toContain(DELETES_LEFT_BEHIND);
		expect(await seen('spans')).toEqual(expected);
		expect([await count('spans_kept'), await count('spans_live')]).toEqual([(hours - 1) * ROWS, ROWS]);
		expect(await count(`(SELECT sum(span_count) AS n FROM trace_summaries) WHERE n = ${hours * ROWS}`)).toBe(1);
	});

	test('stops its copy in the engine when the platform stops, and another goes on', async () => {
		await tiers.load(SPANS, await tiers.spans(ROWS, FIRST_HOUR));
		tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
		const expected = await seen('spans');
		const abort = new AbortController();
		const store = intercepted(async (sql, send) => {
			if (sql.startsWith('INSERT INTO spans_kept')) abort.abort();
			await send();
		});
		await expect(tiers.run({ store }, abort.signal)).rejects.toThrow();
		expect(await seen('spans')).toEqual(expected);
		await tiers.run();
		expect([await seen('spans'), await count('spans_kept')]).toEqual([expected, ROWS]);
	});

	test('for want of memory is tried again in smaller blocks', async () => {
		await tiers.load(SPANS, await tiers.spans(ROWS, FIRST_HOUR));
		tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
		const expected = await seen('spans');
		let copies = 0;
		const store = intercepted(async (sql, send) => {
			await send();
			if (sql.startsWith('INSERT INTO spans_kept') && ++copies < 3) throw new Failure('too_large', 'no memory');
		});
		await tiers.run({ store });
		expect([copies, await seen('spans'), await count('spans_kept')]).toEqual([3, expected, ROWS]);
	});

	test('is overtaken by a later one: it writes nothing any more, however late its statements come', async () => {
		await tiers.load(SPANS, await tiers.spans(ROWS, FIRST_HOUR));
		tiers.nowS = FIRST_HOUR + 2 * HOUR_S;
		const expected = await seen('spans');
		const slow = intercepted(async (sql, send) => {
			if (sql.startsWith('INSERT INTO spans_kept')) await tiers.run();
			await send();
		});
		await expect(tiers.run({ store: slow })).rejects.toMatchObject({ retryable: true });
		expect([await seen('spans'), await count('spans_kept')]).toEqual([expected, ROWS]);
		await tiers.load(SPANS, await tiers.spans(ROWS, FIRST_HOUR + HOUR_S));
		tiers.nowS += HOUR_S;
		const before = await seen('spans');
		const slower = intercepted(async (sql, send) => {
			if (sql.includes('hour_before')) await tiers.run();
			await send();
		});
		await expect(tiers.run({ store: slower })).rejects.toMatchObject({ retryable: true });
		expect([await seen('spans'), await count('spans_kept')]).toEqual([before, 2 * ROWS]);
	});
});
