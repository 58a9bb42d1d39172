/** Random histories against what the buffer promises; `make buffer-model HISTORIES=100000` runs as many as it is told. */

import { expect, test } from 'vitest';
import { runHistories } from './histories.ts';

const FIRST_SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const HISTORIES = 300;

test('what was acknowledged comes out once after any crash, unchanged, or is put aside or counted', async () => {
	const totals = await runHistories(FIRST_SEED, HISTORIES);
	console.log(`buffer model, first seed ${FIRST_SEED}: ${JSON.stringify(totals)}`);
	// A run that never got into trouble proves nothing.
	for (const [key, count] of Object.entries(totals)) expect(count, key).toBeGreaterThan(0);
});
