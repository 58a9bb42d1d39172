/**
 * `make fuzz SECONDS=60`: every target in turn, from the kept corpus and fresh good inputs, changed by chance, until the time is over.
 * Inputs that did something new are kept in `corpus/`, inputs that broke a promise too, with `broken-` in front: after the mend they guard
 * against its return, as the suite tries the whole corpus. The last line is one JSON object. SEED= repeats a run, TARGET= picks one.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutate, Random } from './random.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets/index.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
/** Kept inputs stay small and few enough to read. */
const INPUT_BYTES_MAX = 2_048;
const FRESH_EVERY = 5_000;
const PROGRESS_MS = 5_000;

const seconds = Number(process.env.SECONDS ?? 60);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const chosen = TARGETS.filter(({ name }) => process.env.TARGET === undefined || process.env.TARGET === name);
if (!Number.isFinite(seconds) || !Number.isFinite(seed) || chosen.length === 0) {
	console.error(`SECONDS and SEED are numbers, TARGET is one of ${TARGETS.map(({ name }) => name).join(', ')}`);
	process.exit(2);
}

const tried: Record<string, number> = {};
const kept: Record<string, number> = {};
const failures: { target: string; input: string; error: string }[] = [];

async function fuzz(target: Target, random: Random, untilMs: number): Promise<void> {
	const folder = join(CORPUS, target.name);
	mkdirSync(folder, { recursive: true });
	const corpus: Uint8Array[] = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
	const heard = new Set<string>();
	for (const input of corpus) heard.add(await attempt(target, input, folder));
	let fresh = target.seeds(random);
	let sayMs = Date.now() + PROGRESS_MS;
	for (let count = 1; Date.now() < untilMs; count++) {
		if (count % FRESH_EVERY === 0) fresh = target.seeds(random);
		const from = random.pick(random.int(2) === 0 && corpus.length > 0 ? corpus : fresh);
		const input = count <= fresh.length ? (fresh[count - 1] ?? from) : mutate(from, random.pick(fresh), random);
		const words = await attempt(target, input, folder);
		tried[target.name] = (tried[target.name] ?? 0) + 1;
		if (Date.now() > sayMs) {
			console.log(`${target.name}: ${tried[target.name]} inputs, ${corpus.length} kept, ${failures.length} broken promises`);
			sayMs += PROGRESS_MS;
		}
		if (heard.has(words) || input.length > INPUT_BYTES_MAX) continue;
		heard.add(words);
		corpus.push(input);
		keep(folder, input, '');
		kept[target.name] = (kept[target.name] ?? 0) + 1;
	}
}

async function attempt(target: Target, input: Uint8Array, folder: string): Promise<string> {
	try {
		return await target.attempt(input);
	} catch (error) {
		const words = (error as Error).message;
		const name = keep(folder, input, 'broken-');
		if (failures.length < 20) failures.push({ target: target.name, input: `${target.name}/${name}`, error: words });
		console.log(`BROKEN ${target.name}/${name}: ${words.slice(0, 1_000)}`);
		return `broken ${words.slice(0, 60)}`;
	}
}

function keep(folder: string, input: Uint8Array, prefix: string): string {
	const name = `${prefix}${createHash('sha256').update(input).digest('hex').slice(0, 16)}`;
	writeFileSync(join(folder, name), input);
	return name;
}

const startedMs = Date.now();
for (const [place, target] of chosen.entries())
	await fuzz(target, new Random(seed + place), startedMs + ((place + 1) * seconds * 1_000) / chosen.length);
for (const { target, input, error } of failures) console.log(`broken: ${target} with ${input}: ${error.split('\n')[0]}`);
console.log(JSON.stringify({ seed, seconds, tried, kept, failures: failures.length }));
process.exit(failures.length > 0 ? 1 : 0);
