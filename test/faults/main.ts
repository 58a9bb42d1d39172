/** `make faults SECONDS=300 SEED=…`: the fault run. Progress while it runs; the last line is one JSON object. Fails when anything was lost. */

import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runFaults } from './run.ts';

const seconds = Number(process.env['SECONDS'] ?? 300);
const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
const spansPerS = Number(process.env['RATE'] ?? 22_000);
const only = process.env['FAULTS']?.split(',');
const logFile = join(tmpdir(), `throughline-faults-${seed}.log`);

console.log(`the platform logs to ${logFile}`);
const say = (line: string): void => console.log(line);
const report = await runFaults({ seconds, seed, spansPerS, logFile, say, ...(only !== undefined && { only }) });
for (const [kind, why] of Object.entries(report.left_out)) console.log(`left out: ${kind}: ${why}`);
for (const problem of report.problems) console.log(`PROBLEM: ${problem} (seed ${seed})`);
console.log(JSON.stringify(report));
process.exit(report.problems.length === 0 ? 0 : 1);
