/**
 * `make test`: every suite of every language, one after the other, and one line at the end that counts them all:
 * `N passed, N failed, N skipped`. A suite that breaks without counting its tests counts as one failure.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface Count {
	passed: number;
	failed: number;
	skipped: number;
}

const root = resolve(import.meta.dirname, '..');
const has = (tool: string) => spawnSync('which', [tool], { stdio: 'ignore' }).status === 0;

function suite(command: string, args: readonly string[], folder: string, onLine: (line: string) => void): Promise<number> {
	return new Promise((settle) => {
		const child = spawn(command, [...args], { cwd: join(root, folder), stdio: ['ignore', 'pipe', 'pipe'] });
		let rest = '';
		const read = (chunk: Buffer): void => {
			const lines = (rest + chunk.toString()).split('\n');
			rest = lines.pop() ?? '';
			lines.forEach(onLine);
		};
		child.stdout.on('data', read);
		child.stderr.on('data', read);
		child.once('error', () => settle(1));
		child.once('close', (code) => {
			if (rest !== '') onLine(rest);
			settle(code ?? 1);
		});
	});
}

async function vitest(): Promise<Count> {
	const folder = mkdtempSync(join(tmpdir(), 'throughline-test-'));
	const report = join(folder, 'vitest.json');
	const code = await suite('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], '.', (line) =>
		console.log(line),
	);
	const count: Count = { passed: 0, failed: 0, skipped: 0 };
	if (existsSync(report)) {
		const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
		Object.assign(count, { passed: numPassedTests ?? 0, failed: numFailedTests ?? 0, skipped: numPendingTests ?? 0 });
	}
	rmSync(folder, { recursive: true });
	return settleCount(count, code);
}

async function goTest(folder: string, args: readonly string[]): Promise<Count> {
	const count: Count = { passed: 0, failed: 0, skipped: 0 };
	const output = new Map<string, string[]>();
	const code = await suite('go', ['test', '-json', ...args, './...'], folder, (line) => {
		if (!line.startsWith('{')) return console.log(line);
		const event = JSON.parse(line) as { Action: string; Package?: string; Test?: string; Output?: string };
		const key = `${event.Package}/${event.Test ?? ''}`;
		if (event.Action === 'output' || event.Action === 'build-output') output.set(key, [...(output.get(key) ?? []), event.Output ?? '']);
		if (event.Action === 'fail' || event.Action === 'build-fail') console.log((output.get(key) ?? []).join(''));
		if (event.Test === undefined) return;
		if (event.Action === 'skip') console.log(`skipped ${key}: ${(output.get(key) ?? []).join(' ').replaceAll('\n', ' ')}`);
		if (event.Action === 'pass') count.passed++;
		if (event.Action === 'fail') count.failed++;
		if (event.Action === 'skip') count.skipped++;
	});
	return settleCount(count, code);
}

async function cargoTest(): Promise<Count> {
	const count: Count = { passed: 0, failed: 0, skipped: 0 };
	const code = await suite('cargo', ['test', '--locked', '--workspace', '--all-features', '--no-fail-fast'], '.', (line) => {
		const match = line.match(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/);
		if (match !== null) {
			count.passed += Number(match[1]);
			count.failed += Number(match[2]);
			count.skipped += Number(match[3]);
		}
		if (!/^test .* \.\.\. ok$|^\s*Compiling|^$/.test(line)) console.log(line);
	});
	return settleCount(count, code);
}

/** A suite that failed without a failing test (it did not compile, it crashed) is one failure. */
function settleCount(count: Count, code: number): Count {
	return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}

const suites: { name: string; needs?: string; run: () => Promise<Count> }[] = [
	{ name: 'platform, UI and end to end (vitest)', run: vitest },
	{ name: 'Go kit', needs: 'go', run: () => goTest('kits/go', ['-race', '-count=1']) },
	{ name: 'Go services of the shop', needs: 'go', run: () => goTest('examples/shop/go', []) },
	{ name: 'Rust kit and services of the shop', needs: 'cargo', run: cargoTest },
];

const total: Count = { passed: 0, failed: 0, skipped: 0 };
for (const { name, needs, run } of suites) {
	if (needs !== undefined && !has(needs)) {
		console.log(`skipped: ${name} (${needs} is missing)`);
		total.skipped++;
		continue;
	}
	const startedMs = Date.now();
	console.log(`\n== ${name}`);
	const count = await run();
	console.log(
		`${name}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${((Date.now() - startedMs) / 1000).toFixed(0)} s`,
	);
	total.passed += count.passed;
	total.failed += count.failed;
	total.skipped += count.skipped;
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 ? 1 : 0);
