import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TraceSearchResponse } from '../../src/api/contract.ts';
import { hoursAgo, traceId, traces } from './otlp.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';

let platform: TestPlatform;
/** A quiet hour; every test uses minutes of its own in it. */
const T0 = hoursAgo(20);
const minute = (count: number) => T0 + count * 60_000;
const RANGE = `from=${T0}&to=${minute(60)}`;

beforeAll(async () => {
	platform = await startTestPlatform();
});
afterAll(async () => await platform[Symbol.asyncDispose]());

async function search(query: string): Promise<TraceSearchResponse> {
	return TraceSearchResponse.parse(await platform.get(`/api/v1/traces?${query}`));
}

async function found(query: string): Promise<string[]> {
	const { traces: rows } = await search(query);
	return rows.map((row) => row.traceId);
}

describe('a trace in the list', () => {
	test('is summed up over all its spans, also when they arrive in parts and in reverse', async () => {
		const at = minute(1);
		await platform.ingestTraces(
			traces({ trace: 'parts', id: 'c', parent: 'b', service: 'stock', name: 'SELECT', startMs: at + 20, durationMs: 30, error: 'gone' }),
		);
		await platform.ingestTraces(
			traces({ trace: 'parts', id: 'b', parent: 'a', service: 'orders', name: 'reserve', startMs: at + 10, durationMs: 50 }),
		);
		await platform.ingestTraces(
			traces(
				{ trace: 'parts', id: 'a', service: 'gateway', name: 'POST /checkout', startMs: at, durationMs: 100 },
				{ trace: 'parts', id: 'd', parent: 'a', service: 'orders', startMs: at + 70, durationMs: 90 },
			),
		);
		const { traces: rows, meta, nextCursor } = await search(`from=${at}&to=${at + 1_000}`);
		expect(rows).toEqual([
			{
				traceId: traceId('parts'),
				startNs: `${at}000000`,
				durationNs: 160e6,
				spanCount: 4,
				errorCount: 1,
				rootService: 'gateway',
				rootName: 'POST /checkout',
				rootMissing: false,
				services: [
					{ service: 'orders', spanCount: 2, errorCount: 0 },
					{ service: 'gateway', spanCount: 1, errorCount: 0 },
					{ service: 'stock', spanCount: 1, errorCount: 1 },
				],
			},
		]);
		expect(nextCursor).toBeNull();
		expect(meta).toMatchObject({ truncated: false, fromMs: at, toMs: at + 1_000 });
		expect(meta.rowsRead).toBeGreaterThan(0);
	});

	test('without its root names its earliest span', async () => {
		await platform.ingestTraces(
			traces(
				{ trace: 'rootless', id: 'b', parent: 'a', service: 'late', startMs: minute(2) + 5 },
				{ trace: 'rootless', id: 'c', parent: 'a', service: 'early', name: 'first', startMs: minute(2) },
			),
		);
		expect((await search(`from=${minute(2)}&to=${minute(3)}`)).traces).toMatchObject([
			{ rootMissing: true, rootService: 'early', rootName: 'first' },
		]);
	});
});

describe('the range', () => {
	test('holds a trace exactly when its first span lies in it, however its parts arrived', async () => {
		const border = minute(10);
		await platform.ingestTraces(traces({ trace: 'before', id: 'b', parent: 'a', startMs: border + 100, durationMs: 10 }));
		await platform.ingestTraces(traces({ trace: 'before', id: 'a', startMs: border - 1, durationMs: 500 }));
		await platform.ingestTraces(traces({ trace: 'first', id: 'a', startMs: border }));
		await platform.ingestTraces(traces({ trace: 'last', id: 'a', startMs: border + 1_000 }));
		await platform.ingestTraces(traces({ trace: 'last', id: 'b', parent: 'a', startMs: border + 1_500, durationMs: 2_500, error: 'x' }));
		await platform.ingestTraces(traces({ trace: 'after', id: 'a', startMs: border + 1_001 }));
		expect(await found(`from=${border}&to=${border + 1_000}`)).toEqual([traceId('last'), traceId('first')]);
		expect(await found(`from=${border}&to=${border + 1_000}&sort=duration`)).toEqual([traceId('last'), traceId('first')]);
		expect(await found(`from=${border}&to=${border + 1_000}&status=error`)).toEqual([traceId('last')]);
		expect((await search(`from=${border}&to=${border + 1_000}&limit=1`)).traces).toMatchObject([
			{ spanCount: 2, durationNs: 3_000e6, errorCount: 1 },
		]);
	});

	test('end to end through an hour change: a trace over two partitions is one trace', async () => {
		const hour = T0 + 3 * 3_600_000;
		await platform.ingestTraces(
			traces(
				{ trace: 'midnight', id: 'a', startMs: hour - 50, durationMs: 100 },
				{ trace: 'midnight', id: 'b', parent: 'a', service: 'other', startMs: hour + 10 },
			),
		);
		const rows = (await search(`from=${hour - 1_000}&to=${hour - 10}&service=other`)).traces;
		expect(rows).toMatchObject([{ spanCount: 2, durationNs: 100e6 }]);
	});

	test('finds what arrived more than a week late', async () => {
		const old = T0 - 30 * 86_400_000;
		await platform.ingestTraces(traces({ trace: 'old', id: 'a', service: 'old', startMs: old }));
		expect(await found(`from=${old - 1_000}&to=${old + 1_000}&service=old`)).toEqual([traceId('old')]);
		expect((await platform.get<{ spanCount: number }>(`/api/v1/traces/${traceId('old')}`)).spanCount).toBe(1);
	});

	test('is given as ISO 8601 or milliseconds', async () => {
		const iso = (ms: number) => new Date(ms).toISOString();
		const inParis = iso(minute(1) + 1_000 + 3_600_000).replace('Z', '%2B01:00');
		expect(await found(`from=${iso(minute(1))}&to=${inParis}`)).toEqual([traceId('parts')]);
	});
});

describe('filters', () => {
	const at = minute(20);
	const range = `from=${at}&to=${at + 59_999}`;
	beforeAll(async () => {
		await platform.ingestTraces(
			traces(
				{
					trace: 'A',
					id: 'a1',
					service: 'web',
					name: 'GET /',
					startMs: at,
					durationMs: 100,
					attributes: { 'http.status': 200, beta: true, ratio: 0.5 },
					resource: { 'k8s.pod': 'pod-1', 'wé"ird\\\nx': 'vä"lue\t\\', type: 'host', blank: '' },
				},
				{
					trace: 'A',
					id: 'a2',
					parent: 'a1',
					service: 'db',
					name: 'SELECT',
					startMs: at + 1,
					durationMs: 5,
					error: 'deadlock',
					resource: { 'k8s.pod': 'pod-2' },
				},
				{
					trace: 'B',
					id: 'b1',
					service: 'web',
					name: 'GET /',
					startMs: at + 10,
					durationMs: 20,
					error: 'boom',
					attributes: { 'http.status': 500 },
					resource: { 'k8s.pod': 'pod-2' },
				},
				{
					trace: 'C',
					id: 'c1',
					service: 'web',
					name: 'GET /slow',
					startMs: at + 20,
					durationMs: 3_000,
					attributes: { 'it\'s "quoted" \\ back': 'ünïcödé ✓ 日本', empty: '', 'a=b': 'c=d', newline: 'x\ny\tz' },
				},
			),
		);
	});
	const ids = (...names: string[]) => names.map(traceId);

	test.each<[string, string[]]>([
		['service=web', ['C', 'B', 'A']],
		['service=db', ['A']],
		['operation=GET%20%2F', ['B', 'A']],
		['service=web&operation=SELECT', []],
		['status=error', ['B', 'A']],
		['service=web&status=error', ['B']],
		['service=db&status=ok', []],
		['status=ok', ['C', 'A']],
		['minDurationMs=50', ['C', 'A']],
		['maxDurationMs=50', ['B']],
		['minDurationMs=100&maxDurationMs=100', ['A']],
		['service=db&minDurationMs=50', ['A']],
		['sort=duration', ['C', 'A', 'B']],
		['sort=duration&service=web&status=ok', ['C', 'A']],
	])('%s', async (query, expected) => {
		expect(await found(`${range}&${query}`)).toEqual(ids(...expected));
	});

	test.each<[string[], string[]]>([
		[['http.status=200'], ['A']],
		[['beta=true'], ['A']],
		[['ratio=0.5'], ['A']],
		[['k8s.pod=pod-2'], ['B', 'A']],
		[['k8s.pod=pod-2', 'http.status=500'], ['B']],
		[['k8s.pod=pod-2', 'http.status=200'], []],
		[['service.name=db'], ['A']],
		[['it\'s "quoted" \\ back=ünïcödé ✓ 日本'], ['C']],
		[['"a=b"=c=d'], ['C']],
		[['newline=x\ny\tz'], ['C']],
		[['empty='], ['C']],
		[['absent='], []],
		[['http.status=2'], []],
		[["http.status=200' OR '1'='1"], []],
		[["x'] = 'y' OR 1=1 --=z"], []],
		[['{key0:String}=200'], []],
		[['%=%'], []],
		[['type=host'], ['A']],
		[['wé"ird\\\nx=vä"lue\t\\'], ['A']],
		[['blank='], ['A']],
		[['pod=pod-1'], []],
		[['k8s.pod=pod-'], []],
		[['k8s.pod=pod-1","type":"host'], []],
		[['types=ihttp.status'], []],
	])('attributes %j', async (attributes, expected) => {
		const query = attributes.map((attribute) => `attribute=${encodeURIComponent(attribute)}`).join('&');
		expect(await found(`${range}&${query}`)).toEqual(ids(...expected));
	});

	test('a service named like SQL is only a name', async () => {
		const evil = "x' OR 1=1; DROP TABLE spans_live --";
		await platform.ingestTraces(traces({ trace: 'evil', id: 'e', service: evil, startMs: minute(30) }));
		expect(await found(`${RANGE}&service=${encodeURIComponent(evil)}`)).toEqual(ids('evil'));
		expect(await found(`${RANGE}&service=${encodeURIComponent("' OR 1=1 --")}`)).toEqual([]);
	});
});
