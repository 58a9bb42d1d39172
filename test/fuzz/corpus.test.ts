/** The kept corpus of the fuzzer, tried once each: what ever did something new, and what ever broke a promise. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mutate, Random } from './random.ts';
import { TARGETS } from './targets/index.ts';

const SEED = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Each costs three processes with an engine; `make fuzz` does more. */
const SLOW = new Set(['native']);

test.each(TARGETS.map((target) => [target.name, target] as const))('%s keeps its promises on the whole corpus', async (name, target) => {
	const folder = join(import.meta.dirname, 'corpus', name);
	const files = readdirSync(folder);
	expect(files.length).toBeGreaterThan(0);
	for (const file of files)
		await expect(Promise.resolve(target.attempt(readFileSync(join(folder, file)))), file).resolves.toBeTypeOf('string');
});

test.each(TARGETS.filter(({ name }) => !SLOW.has(name)).map((target) => [target.name, target] as const))(
	'%s keeps its promises on fresh inputs',
	async (_name, target) => {
		const random = new Random(SEED);
		const seeds = target.seeds(random);
		for (let count = 0; count < 300; count++) {
			const input = mutate(random.pick(seeds), random.pick(seeds), random);
			await expect(Promise.resolve(target.attempt(input)), `FC_SEED=${SEED}, input ${count}`).resolves.toBeTypeOf('string');
		}
	},
);
