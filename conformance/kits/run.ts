/**
 * `make conformance`: both kits against every scenario of `spec/scenarios` and every vector of `spec/vectors`. `SCENARIOS=<pattern>` runs
 * only the scenarios whose id matches, `PRINT=1` prints what the kits emitted. The last line is one JSON object: `passed` and `failed` count
 * scenarios and vectors. Exit code 1 when anything failed.
 */

import { loadScenarios } from './scenarios.ts';
import { buildProbes, type Result, ROOT, Suite } from './suite.ts';
import { runVectors, type VectorFile } from './vectors.ts';

async function main(): Promise<number> {
	buildProbes();
	const wanted = new RegExp(process.env['SCENARIOS'] ?? '');
	const scenarios = loadScenarios().filter(({ id }) => wanted.test(id));
	const suite = await Suite.start();
	let failed = 0;
	let skipped = 0;
	try {
		for (const scenario of scenarios) {
			const missing = suite.missing(scenario);
			if (missing !== undefined) {
				console.log(`skip ${scenario.id}: ${missing}`);
				skipped++;
				continue;
			}
			const result = await suite.run(scenario);
			const bad = result.verdicts.some(({ problems }) => problems.length > 0);
			if (bad) failed++;
			console.log(`${bad ? 'FAIL' : 'ok  '} ${scenario.id}${bad ? `\n     ${scenario.behaviour}` : ''}`);
			tell(result);
		}
	} finally {
		await suite.close();
	}
	const files = process.env['SCENARIOS'] === undefined ? await runVectors(ROOT) : [];
	files.forEach(tellFile);
	const vectors = count(files);
	failed += count(files.filter(({ problems }) => problems.length > 0));
	const all = scenarios.length + vectors;
	console.log(JSON.stringify({ scenarios: scenarios.length, vectors, passed: all - failed - skipped, failed, skipped }));
	return failed > 0 ? 1 : 0;
}

/** A file whose test fails counts with all its vectors: tests may stop at the first. */
const count = (files: readonly VectorFile[]): number =>
	files.reduce((sum, { cases, problems }) => sum + Math.max(cases, problems.length > 0 ? 1 : 0), 0);

function tellFile({ name, cases, problems }: VectorFile): void {
	console.log(`${problems.length > 0 ? 'FAIL' : 'ok  '} ${name}: ${cases} vectors`);
	for (const problem of problems) console.log(`     ${problem}`);
}

const NAMES = { go: 'Go = expected', rust: 'Rust = expected', both: 'Go = Rust', registry: 'registry' };

function tell({ scenario, verdicts, telemetry }: Result): void {
	for (const { of, problems } of verdicts) for (const problem of problems) console.log(`     ${NAMES[of]}: ${problem}`);
	if (process.env['PRINT'] === undefined) return;
	for (const [kit, { spans, metrics, logs, self }] of Object.entries(telemetry))
		console.log(`     ${kit} ${JSON.stringify({ spans, metrics, logs, ...(scenario.self === undefined ? {} : { self: self.points }) })}`);
}

process.exitCode = await main();
