/** The conformance cases against the real platform, one test per area; `make conformance-otlp` runs the same with a report. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { loadSuite } from './cases.ts';
import { SuiteRun, withKnown } from './suite.ts';

const suite = loadSuite();
let directory: string;
let platform: Platform;
let run: SuiteRun;

beforeAll(async () => {
	directory = await mkdtemp(join(tmpdir(), 'throughline-otlp-'));
	platform = await startPlatform({ dataDir: join(directory, 'data'), logFile: join(directory, 'log') });
	run = new SuiteRun(suite, { http: platform.otlpHttpUrl, grpc: platform.otlpGrpcUrl });
});

afterAll(async () => {
	run?.close();
	await platform?.stop();
	await rm(directory, { recursive: true, force: true });
});

test.each([...new Set(suite.cases.map(({ area }) => area))])('%s', async (area) => {
	const failed: string[] = [];
	for (const each of suite.cases.filter((some) => some.area === area)) {
		const { problems = ['not run'], actual } = withKnown(await run.run(each));
		failed.push(...problems.map((problem) => `${each.id}: ${problem} (actual: ${actual})`));
	}
	expect(failed).toEqual([]);
});
