/** Runs many histories, each from its own seed, and sums up what happened in them. As a program: `HISTORIES=… SEED=… node test/buffer/histories.ts`. */

import { History } from './history.ts';

const STEPS = 300;
/** Stack traces of failures that are made on purpose would be most of the time. */
Error.stackTraceLimit = 0;

export async function runHistories(
	firstSeed: number,
	count: number,
	onProgress: (done: number) => void = () => {},
): Promise<Record<string, number>> {
	const totals: Record<string, number> = { histories: 0 };
	for (let seed = firstSeed; seed < firstSeed + count; seed++) {
		const history = new History(seed);
		try {
			await history.run(STEPS);
		} catch (error) {
			throw new Error(`history with SEED=${seed} broke a promise: ${(error as Error).message}`, { cause: error });
		}
		totals.histories = (totals.histories ?? 0) + 1;
		for (const [key, value] of Object.entries({ ...history.events, ...history.engine.events })) totals[key] = (totals[key] ?? 0) + value;
		onProgress(totals.histories);
	}
	return totals;
}

if (import.meta.main) {
	const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
	const histories = Number(process.env.HISTORIES ?? 1_000);
	const startMs = performance.now();
	process.stderr.write(`first seed ${seed}\n`);
	const totals = await runHistories(seed, histories, (done) => {
		if (done % 10_000 === 0) process.stderr.write(`${done} histories\n`);
	});
	const seconds = Math.round((performance.now() - startMs) / 100) / 10;
	const cpuSeconds = Math.round(process.cpuUsage().user / 1e5) / 10;
	console.log(JSON.stringify({ seed, ...totals, seconds, cpu_seconds: cpuSeconds }));
}
