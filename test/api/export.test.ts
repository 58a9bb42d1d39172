/** An export is as long as it is: its time is bounded piece by piece. */

import { expect, test } from 'vitest';
import { buildFake, fakeEngine } from './fake-engine.ts';

test('an export goes on beyond the time of one question, as long as each of its pieces stays within it', async () => {
	const seconds = [10, 20, 30, 40].map((second) => ({ second, rows: 20_000 }));
	const engine = fakeEngine(async ({ sql }) => {
		if (sql.includes('count() AS rows')) return seconds;
		await new Promise((settle) => setTimeout(settle, 200));
		return [];
	});
	const app = await buildFake({ engine, queryTimeoutMs: 400 });
	const answer = await app.inject({ url: '/api/v1/export/traces?from=0' });
	expect(answer.statusCode).toBe(200);
	expect(answer.body.trimEnd().split('\n')).toHaveLength(4);
	await app.close();
});
