/**
 * `make conformance`: both kits against every scenario of `spec/scenarios`. `SCENARIOS=<pattern>` runs only those whose id matches,
 * `PRINT=1` prints what the kits emitted. The last line is one JSON object; exit code 1 when anything failed.
 */

import { loadScenarios } from './scenarios.ts';
import { buildProbes, type Result, Suite } from './suite.ts';

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
	console.log(JSON.stringify({ scenarios: scenarios.length, passed: scenarios.length - failed - skipped, failed, skipped }));
	return failed > 0 ? 1 : 0;
}

const NAMES = { go: 'Go = expected', rust: 'Rust = expected', both: 'Go = Rust', registry: 'registry' };

function tell({ verdicts, telemetry }: Result): void {
	for (const { of, problems } of verdicts) for (const problem of problems) console.log(`     ${NAMES[of]}: ${problem}`);
	if (process.env['PRINT'] === undefined) return;
	for (const [kit, { spans, metrics, logs }] of Object.entries(telemetry))
		console.log(`     ${kit} ${JSON.stringify({ spans, metrics, logs })}`);
}

process.exitCode = await main();
