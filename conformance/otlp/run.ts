/**
 * `make conformance-otlp`: every case of `spec/otlp` against a platform started for it, or, with `ENDPOINT` (OTLP/HTTP) and
 * `GRPC_ENDPOINT` set, against any OTLP endpoint. `CASES=<pattern>` runs only cases whose id or area matches.
 *
 * The last line is one JSON object. Exit code 1 when a case failed. For our own platform those in `known.ts` are counted apart, and fail
 * when they pass; for others the `throughline` cases are counted apart.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlatform } from '../../tools/run/platform.ts';
import { type Case, type Level, loadSuite } from './cases.ts';
import { type Endpoint, type Result, SuiteRun, withKnown } from './suite.ts';

interface Started {
	readonly endpoint: Endpoint;
	readonly stop: () => Promise<void>;
}

async function ownPlatform(): Promise<Started> {
	const directory = await mkdtemp(join(tmpdir(), 'throughline-otlp-'));
	const platform = await startPlatform({ dataDir: join(directory, 'data'), logFile: join(directory, 'log') });
	return {
		endpoint: { http: platform.otlpHttpUrl, grpc: platform.otlpGrpcUrl },
		stop: async () => {
			await platform.stop();
			await rm(directory, { recursive: true, force: true });
		},
	};
}

async function main(): Promise<number> {
	const suite = loadSuite();
	const wanted = new RegExp(process.env['CASES'] ?? '');
	const cases = suite.cases.filter(({ id, area }) => wanted.test(id) || wanted.test(area));
	const { ENDPOINT: http, GRPC_ENDPOINT: grpc } = process.env;
	const foreign = http !== undefined || grpc !== undefined;
	const { endpoint, stop }: Started = foreign ? { endpoint: { http, grpc }, stop: async () => {} } : await ownPlatform();
	const run = new SuiteRun(suite, endpoint);
	const results: Result[] = [];
	try {
		for (const each of cases) {
			const found = await run.run(each);
			const result = foreign ? found : withKnown(found);
			results.push(result);
			if (result.problems !== undefined && result.problems.length > 0) console.log(failure(result));
			if (results.length % 50 === 0) console.log(`${results.length} of ${cases.length} cases`);
		}
	} finally {
		run.close();
		await stop();
	}
	console.log(`\n${table(results)}\n`);
	const apart = (result: Result): boolean => (foreign ? result.case.level === 'throughline' : result.known !== undefined);
	const summary = totals(results.filter((result) => !apart(result)));
	const aside = results.filter(apart);
	for (const { case: each, known } of aside) if (known !== undefined) console.log(`known: ${each.id}: ${known}`);
	console.log(JSON.stringify({ ...summary, ...(foreign ? { throughline: totals(aside) } : { known: aside.length }) }));
	return summary.failed > 0 ? 1 : 0;
}

function failure({ case: each, problems = [], actual }: Result): string {
	return [
		`FAIL ${each.id} (${each.level}, ${each.ruleText.source})`,
		`     ${each.about}`,
		...problems.map((problem) => `     - ${problem}`),
		`     actual: ${actual}`,
	].join('\n');
}

interface Totals {
	readonly cases: number;
	readonly passed: number;
	readonly failed: number;
	readonly skipped?: number;
}

function totals(results: readonly Result[]): Totals {
	const run = results.filter(({ problems }) => problems !== undefined);
	const passed = run.filter(({ problems, known }) => problems?.length === 0 && known === undefined).length;
	const skipped = results.length - run.length;
	return { cases: run.length, passed, failed: run.length - passed, ...(skipped > 0 ? { skipped } : {}) };
}

/** Passed of run, by area and level. */
function table(results: readonly Result[]): string {
	const levels: readonly Level[] = ['must', 'should', 'throughline'];
	const areas = [...new Set(results.map((result) => result.case.area))];
	const cell = (some: readonly Result[]): string => {
		const { cases, passed } = totals(some);
		return cases === 0 ? '' : `${passed}/${cases}`;
	};
	const row = (name: string, of: (each: Case) => boolean): string[] => {
		const some = results.filter((result) => of(result.case));
		return [name, ...levels.map((level) => cell(some.filter((result) => result.case.level === level))), cell(some)];
	};
	const rows = [['area', ...levels, 'all'], ...areas.map((area) => row(area, (each) => each.area === area)), row('all', () => true)];
	const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
	return rows.map((cells) => cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}

process.exitCode = await main();
