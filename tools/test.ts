/**
 * `make test`: every suite of every language, one after the other, and one line at the end that counts them all:
 * `N passed, N failed, N skipped`. A suite that breaks without counting its tests counts as one failure. What failed is told once more just
 * before that line, because the end of a log is what people are shown.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

interface Count {
	passed: number;
	failed: number;
	skipped: number;
	/** One line for each failure: which test, and the first of what it said. */
	readonly failures: string[];
}

interface VitestReport {
	readonly numPassedTests: number;
	readonly numPendingTests: number;
	readonly testResults: readonly {
		readonly name: string;
		readonly status: string;
		readonly message: string;
		readonly assertionResults: readonly {
			readonly fullName: string;
			readonly status: string;
			readonly failureMessages: readonly string[];
		}[];
	}[];
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
	const count = noneYet();
	if (existsSync(report)) {
		const { numPassedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as VitestReport;
		count.passed = numPassedTests;
		count.skipped = numPendingTests;
		for (const file of testResults) {
			const failed = file.assertionResults.filter((test) => test.status === 'failed');
			for (const test of failed) fail(count, `${relative(root, file.name)}: ${test.fullName}`, test.failureMessages[0]);
			if (file.status === 'failed' && failed.length === 0) fail(count, relative(root, file.name), file.message);
		}
	}
	rmSync(folder, { recursive: true });
	return settleCount(count, code);
}

async function goTest(folder: string, args: readonly string[]): Promise<Count> {
	const count = noneYet();
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
		if (event.Action === 'fail')
			fail(
				count,
				key,
				(output.get(key) ?? []).find((text) => !/^\s*(===|---)/.test(text)),
			);
		if (event.Action === 'skip') count.skipped++;
	});
	return settleCount(count, code);
}

async function cargoTest(): Promise<Count> {
	const count = noneYet();
	const code = await suite('cargo', ['test', '--locked', '--workspace', '--all-features', '--no-fail-fast'], '.', (line) => {
		const match = line.match(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/);
		if (match !== null) {
			count.passed += Number(match[1]);
			count.skipped += Number(match[3]);
		}
		const failed = line.match(/^test (.*) \.\.\. FAILED$/);
		if (failed !== null) fail(count, failed[1] ?? line, undefined);
		if (!/^test .* \.\.\. ok$|^\s*Compiling|^$/.test(line)) console.log(line);
	});
	return settleCount(count, code);
}

async function kitFeatures(): Promise<Count> {
	const count = noneYet();
	const code = await suite('node', ['tools/kit-features.ts'], '.', (line) => {
		if (line.startsWith('ok ')) count.passed++;
		else console.log(line);
		if (line.startsWith('FAIL ')) fail(count, line.slice('FAIL '.length), 'it does not build alone; see above');
	});
	return settleCount(count, code);
}

const noneYet = (): Count => ({ passed: 0, failed: 0, skipped: 0, failures: [] });

function fail(count: Count, test: string, said: string | undefined): void {
	count.failed++;
	const firstLine = (said ?? '').trim().split('\n')[0] ?? '';
	count.failures.push(firstLine === '' ? test : `${test}: ${firstLine.slice(0, 300)}`);
}

/** A suite that failed without a failing test (it did not compile, it crashed) is one failure. */
function settleCount(count: Count, code: number): Count {
	if (code !== 0 && count.failed === 0) fail(count, 'the suite itself', `it ended with exit code ${code}; see its output above`);
	return count;
}

const suites: { name: string; needs?: string; run: () => Promise<Count> }[] = [
	{ name: 'platform, UI and end to end (vitest)', run: vitest },
	{ name: 'Go kit', needs: 'go', run: () => goTest('kits/go', ['-race', '-count=1']) },
	{ name: 'Go services of the shop', needs: 'go', run: () => goTest('examples/shop/go', []) },
	{ name: 'Rust kit and services of the shop', needs: 'cargo', run: cargoTest },
	{ name: 'Rust kit, feature by feature', needs: 'cargo', run: kitFeatures },
];

const total = noneYet();
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
	total.failures.push(...count.failures.map((failure) => `failed: ${name}: ${failure}`));
}
if (total.failures.length > 0) console.log(`\n${total.failures.join('\n')}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 ? 1 : 0);
