/** Remote control as a kit and a Jaeger client see it, over real connections. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { closeApi } from '../../src/api/app.ts';
import type { ApiApp } from '../../src/api/context.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemTimer } from '../../src/base/timer.ts';
import { ControlBoard } from '../../src/control/board.ts';
import type { ControlDocuments } from '../../src/control/document.ts';
import { buildFake } from './fake-engine.ts';

const DOCUMENTS: ControlDocuments = {
	defaults: { sampling: { default: 0.05, floor_per_min: 6, ceiling_per_s: 200 } },
	environments: {},
	services: {
		orders: {
			sampling: {
				rules: [
					{ match: { kind: 'SERVER', name: 'GET /healthz' }, p: 0 },
					{ match: { name_prefix: 'POST /checkout' }, p: 1 },
				],
			},
			environments: { staging: { enabled: false } },
		},
	},
};
let board: ControlBoard;
let app: ApiApp;
let url = '';

beforeEach(async () => {
	board = new ControlBoard({
		documents: DOCUMENTS,
		revision: 412,
		signingKey: undefined,
		waitingMax: 2,
		clock: systemClock,
		timer: systemTimer,
	});
	app = await buildFake({ control: board });
	url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => closeApi(app, 1_000));

const ask = (query: string, headers: Record<string, string> = {}) => fetch(`${url}/v1/kit/config?${query}`, { headers });

describe('the document of a kit', () => {
	test('is that of its service and environment, and is not sent twice', async () => {
		const first = await ask('service=orders&env=production&instance=i1&sdk=go/0.1.0');
		expect(await first.json()).toMatchObject({ v: 1, revision: 412, sampling: { default: 0.05, rules: [{ p: 0 }, { p: 1 }] } });
		expect(await (await ask('service=orders&env=staging')).json()).toMatchObject({ enabled: false });
		const again = await ask('service=orders&env=production', { 'if-none-match': first.headers.get('etag') ?? '' });
		expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, first.headers.get('etag'), '']);
		expect((await ask('env=production')).status).toBe(400);
	});

	test('is waited for, and there at once when it changes', async () => {
		const etag = (await ask('service=orders')).headers.get('etag') ?? '';
		const waiting = ask('service=orders', { 'if-none-match': etag, prefer: 'wait=25' });
		await until(() => board.waiting === 1);
		const changedMs = performance.now();
		board.change({ ...DOCUMENTS, defaults: { enabled: false } }, 413);
		const answer = await waiting;
		expect(await answer.json()).toMatchObject({ revision: 413, enabled: false });
		expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, 'wait=25']);
		expect(performance.now() - changedMs).toBeLessThan(2_000);
	});

	test('a wait without news ends with 304', async () => {
		const etag = (await ask('service=orders')).headers.get('etag') ?? '';
		expect((await ask('service=orders', { 'if-none-match': etag, prefer: 'respond-async, wait=1' })).status).toBe(304);
	});

	test('too many who wait are told to come back later, and who hangs up is forgotten', async () => {
		const etag = (await ask('service=orders')).headers.get('etag') ?? '';
		const headers = { 'if-none-match': etag, prefer: 'wait=25' };
		const leave = new AbortController();
		const waits = [1, 2].map(() => fetch(`${url}/v1/kit/config?service=orders`, { headers, signal: leave.signal }).catch(() => undefined));
		await until(() => board.waiting === 2);
		const third = await ask('service=orders', headers);
		expect([third.status, third.headers.get('retry-after')]).toEqual([304, '5']);
		leave.abort();
		await Promise.all(waits);
		await until(() => board.waiting === 0);
	});

	test('a stop does not wait for those who wait', async () => {
		const etag = (await ask('service=orders')).headers.get('etag') ?? '';
		const waiting = ask('service=orders', { 'if-none-match': etag, prefer: 'wait=25' });
		await until(() => board.waiting === 1);
		await closeApi(app, 10_000);
		expect((await waiting).status).toBe(304);
	});
});

test('the kits that ask are listed with the revision they have applied', async () => {
	await ask('service=orders&env=staging&instance=i1&sdk=rust/0.1.0', { 'x-throughline-revision': '411' });
	await ask('service=orders&instance=i2', { 'x-throughline-revision': 'many' });
	const answer = (await (await fetch(`${url}/api/v1/kits`)).json()) as { revision: number; kits: object[] };
	expect(answer.revision).toBe(412);
	expect(answer.kits).toMatchObject([
		{ service: 'orders', environment: 'staging', instance: 'i1', sdk: 'rust/0.1.0', revision: 411 },
		{ instance: 'i2', revision: 0 },
	]);
});

test("Jaeger's form has the strategy as text and all four fields", async () => {
	expect(await (await fetch(`${url}/sampling?service=orders`)).json()).toEqual({
		strategyType: 'PROBABILISTIC',
		probabilisticSampling: { samplingRate: 0.05 },
		operationSampling: {
			defaultSamplingProbability: 0.05,
			defaultLowerBoundTracesPerSecond: 0.1,
			perOperationStrategies: [{ operation: 'GET /healthz', probabilisticSampling: { samplingRate: 0 } }],
			defaultUpperBoundTracesPerSecond: 200,
		},
	});
	expect(await (await fetch(`${url}/sampling?service=orders&env=staging`)).json()).toMatchObject({
		probabilisticSampling: { samplingRate: 0 },
		operationSampling: { defaultSamplingProbability: 0, perOperationStrategies: [] },
	});
});

async function until(holds: () => boolean): Promise<void> {
	for (let attempt = 0; attempt < 500 && !holds(); attempt++) await new Promise((settle) => setTimeout(settle, 10));
	expect(holds()).toBe(true);
}
