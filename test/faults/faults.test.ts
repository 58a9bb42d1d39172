/** A short fault run: the oracle finds every acknowledged span once. `make faults` does this for long, with every fault and at full rate. */

import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runFaults } from './run.ts';

const only = ['kill platform while its engine is stopped', 'full disk', 'flip bits in sealed segments'];

test.skipIf(process.platform !== 'linux')(
	'nothing acknowledged is lost or stored twice, whatever happens',
	{ timeout: 180_000 },
	async () => {
		const folder = mkdtempSync(join(tmpdir(), 'faults-log-'));
		const logFile = join(folder, 'platform.log');
		const seed = randomInt(2 ** 31);
		const lines: string[] = [];
		const report = await runFaults({ seconds: 4, seed, spansPerS: 5_000, only, wholeDeck: true, logFile, say: (line) => lines.push(line) });
		console.log(lines.join('\n'), JSON.stringify(report));
		if (report.problems.length > 0) console.log(readFileSync(logFile, 'utf8'));
		rmSync(folder, { recursive: true, force: true });
		expect(report.problems).toEqual([]);
		expect(report.acknowledged).toBeGreaterThan(0);
		expect(report.faults).toBe(only.length - Object.keys(report.left_out).length);
	},
);
