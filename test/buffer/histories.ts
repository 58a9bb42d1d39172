/**
 * Runs many histories, each from its own seed, and sums up what happened in them. As a program (`make buffer-model`): `HISTORIES=…
 * SEED=… node test/buffer/histories.ts`, shared among as many processes as there are cores; the last line is one JSON object.
 */

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { History } from './history.ts';

const STEPS = 300;
/** Stack traces of failures that are made on purpose would be most of the time. */
Error.stackTraceLimit = 0;

type Totals = Record<string, number>;

export async function runHistories(firstSeed: number, count: number): Promise<Totals> {
	const totals: Totals = {};
	for (let seed = firstSeed; seed < firstSeed + count; seed++) {
		const history = new History(seed);
		try {
			await history.run(STEPS);
		} catch (error) {
			throw new Error(`history with SEED=${seed} broke a promise: ${(error as Error).message}`, { cause: error });
		}
		add(totals, { histories: 1, ...history.events, ...history.engine.events });
	}
	return totals;
}

function add(totals: Totals, more: Readonly<Totals>): void {
	for (const [key, value] of Object.entries(more)) totals[key] = (totals[key] ?? 0) + value;
}

/** Histories of one child process: small enough to say now and then how far the whole is. */
const SHARE = 2_500;

async function runShares(firstSeed: number, count: number): Promise<Totals> {
	const totals: Totals = {};
	let next = 0;
	const worker = async (): Promise<void> => {
		while (next < count) {
			const [seed, share] = [firstSeed + next, Math.min(SHARE, count - next)];
			next += share;
			const env = { ...process.env, SEED: String(seed), HISTORIES: String(share), SHARE_OF: String(count) };
			const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename], { env });
			add(totals, JSON.parse(stdout) as Totals);
			process.stderr.write(`${totals.histories} of ${count} histories\n`);
		}
	};
	await Promise.all(Array.from({ length: availableParallelism() }, worker));
	return totals;
}

if (import.meta.main) {
	const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
	const histories = Number(process.env.HISTORIES ?? 100_000);
	if (process.env.SHARE_OF === undefined) {
		process.stderr.write(`first seed ${seed}\n`);
		const startMs = performance.now();
		const totals = await runShares(seed, histories);
		console.log(JSON.stringify({ seed, ...totals, seconds: Math.round((performance.now() - startMs) / 100) / 10 }));
	} else {
		const totals = await runHistories(seed, histories);
		const { user, system } = process.cpuUsage();
		console.log(JSON.stringify({ ...totals, cpu_seconds: Math.round((user + system) / 1e6) }));
	}
}
