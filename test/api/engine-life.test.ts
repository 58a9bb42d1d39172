/** The API while queries are cancelled and while the engine dies under it. */

import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TraceSearchResponse } from '../../src/api/contract.ts';
import type { QueryEngine } from '../../src/api/engine.ts';
import { Store } from '../../src/store/client.ts';
import { traceId, traces } from './otlp.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';

let platform: TestPlatform;
beforeAll(async () => {
	platform = await startTestPlatform();
	await platform.ingestTraces(traces({ trace: 'one', id: 'a', service: 'shop', startMs: Date.now() - 60_000 }));
});
afterAll(async () => await platform[Symbol.asyncDispose]());

const MARK = 'never_ending_question';

/** The real store asked for something that takes for ever. */
function slowEngine(): QueryEngine {
	return {
		query: (_sql, _params, options) =>
			platform.store.query(`SELECT sum(sipHash64(number)) AS ${MARK} FROM numbers(1000000000000)`, {}, options),
	};
}

async function running(): Promise<number> {
	const { rows } = await platform.store.query<{ count: number }>(
		`SELECT count() AS count FROM system.processes WHERE position(query, {mark:String}) > 0 AND position(query, 'system.processes') = 0`,
		{ mark: MARK },
	);
	return rows[0]?.count ?? 0;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
	for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((settle) => setTimeout(settle, 50)))
		if (await condition()) return;
	throw new Error('it did not come to pass');
}

test('a client that hangs up stops its query in the engine', async () => {
	const app = await platform.build({ engine: slowEngine() });
	await app.listen({ host: '127.0.0.1', port: 0 });
	const { port } = app.server.address() as AddressInfo;
	const request = httpRequest({ host: '127.0.0.1', port, path: '/api/v1/services' });
	request.on('error', () => undefined);
	request.end();
	await until(async () => (await running()) > 0);
	request.destroy();
	await until(async () => (await running()) === 0);
	await app.close();
});

test('a query over its budget is stopped and answered with 504 and what to do', async () => {
	const app = await platform.build({ engine: slowEngine(), queryTimeoutMs: 500 });
	const answer = await app.inject('/api/v1/services');
	expect(answer.statusCode).toBe(504);
	expect(answer.json()).toMatchObject({ error: { code: 'timeout', hint: expect.stringContaining('range') } });
	await until(async () => (await running()) === 0);
	await app.close();
});

test('while the engine is dead the answer is 503 with Retry-After, or comes late; afterwards all is as before', async () => {
	const impatient = new Store({ target: { kind: 'embedded', engine: platform.engine }, database: 'throughline', waitForEngineMs: 0 });
	const app = await platform.build({ engine: impatient });
	const url = '/api/v1/traces?service=shop';
	expect((await app.inject(url)).json<TraceSearchResponse>().traces).toHaveLength(1);
	process.kill(platform.engine.pid ?? 0, 'SIGKILL');
	await until(() => Promise.resolve(platform.engine.state !== 'ready'));
	const answer = await app.inject(url);
	expect([answer.statusCode, answer.json()]).toMatchObject([503, { error: { code: 'unavailable' } }]);
	expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
	expect((await platform.get<TraceSearchResponse>(url)).traces.map((trace) => trace.traceId)).toEqual([traceId('one')]);
	await app.close();
	await impatient[Symbol.asyncDispose]();
});
