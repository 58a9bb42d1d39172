/** Both kits against every scenario, one test per edge; `make conformance` runs the same with a report, and the vectors besides. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coverageProblems, loadCoverage } from './coverage.ts';
import { postgresPrograms } from './postgres.ts';
import { loadScenarios } from './scenarios.ts';
import { probesMissing, type Result, Suite } from './suite.ts';
import { mutateTelemetry } from './telemetry-mutations.ts';

const scenarios = loadScenarios();
const edges = [...new Set(scenarios.map(({ id }) => id.split('-')[0] ?? ''))];

test('no part of the proof gets lost', () => {
	expect(scenarios.length).toBeGreaterThanOrEqual(230);
});

test('every edge is looked at in every situation, or says why not', () => {
	const ids = scenarios.map(({ id }) => id);
	expect(coverageProblems(loadCoverage(), ids)).toEqual([]);
});

// Built by tools/shop-build.ts where Go and Rust are there.
describe.skipIf(probesMissing().length > 0 || postgresPrograms() === undefined)('both kits emit what is expected, and the same', () => {
	let suite: Suite;
	const results: Result[] = [];
	beforeAll(async () => {
		suite = await Suite.start();
	});
	afterAll(() => suite?.close());

	test.for(edges)('%s', { timeout: 180_000 }, async (edge, { skip }) => {
		const failed: string[] = [];
		for (const scenario of scenarios.filter(({ id }) => id.startsWith(`${edge}-`))) {
			const missing = suite.missing(scenario);
			if (missing !== undefined) skip(missing);
			const result = await suite.run(scenario);
			results.push(result);
			for (const { of, problems } of result.verdicts) failed.push(...problems.map((problem) => `${scenario.id}, ${of}: ${problem}`));
		}
		expect(failed).toEqual([]);
	});

	// `make conformance-mutations` does it in every place of every scenario.
	test('a change of what was sent is noticed, whatever it is', { timeout: 180_000 }, () => {
		// Each behaviour once, and the form of metrics that needs a state of its own.
		const usual = results.filter(({ scenario }) => scenario.play === undefined || scenario.histograms !== undefined);
		expect(mutateTelemetry(usual, 1, () => {}).survived).toEqual([]);
	});
});
