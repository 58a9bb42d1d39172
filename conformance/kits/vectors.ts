/**
 * The vectors of `spec/vectors`, run by the test suites of both kits. A vector counts as passed when the tests that read its file pass in
 * Go and in Rust. Which tests those are is found in the sources: tests beside the name of the file.
 */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

export interface VectorFile {
	readonly name: string;
	readonly cases: number;
	/** What is wrong, by kit. Empty when all cases passed in both. */
	readonly problems: readonly string[];
}

const shape = z.looseObject({ about: z.array(z.string()), cases: z.array(z.looseObject({ name: z.string() })) });

/** Runs the vectors of the repository at `root`. */
export async function runVectors(root: string): Promise<VectorFile[]> {
	const folder = join(root, 'spec/vectors');
	const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
	const [go, rust] = await Promise.all([goOutcomes(root, names), rustOutcomes(root, names)]);
	return names.sort().map((name) => {
		const read = shape.safeParse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
		const cases = read.success ? read.data.cases : [];
		const titles = cases.map((each) => each.name);
		const twice = titles.filter((title, at) => titles.indexOf(title) !== at);
		const problems = [
			...(read.success ? [] : [`not a list of vectors: ${read.error.issues[0]?.message}`]),
			...twice.map((title) => `'${title}' is there twice`),
			...(go.get(name) ?? ['no test of the Go kit reads it']).map((problem) => `Go: ${problem}`),
			...(rust.get(name) ?? ['no test of the Rust kit reads it']).map((problem) => `Rust: ${problem}`),
		];
		return { name, cases: cases.length, problems };
	});
}

type Outcomes = Map<string, string[]>;

function mentions(folder: string, pattern: RegExp, names: readonly string[]): Map<string, string[]> {
	const found = new Map<string, string[]>();
	for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
		if (!entry.isFile() || !pattern.test(entry.name)) continue;
		const file = join(entry.parentPath, entry.name);
		const text = readFileSync(file, 'utf8').replaceAll(/^\s*\/\/.*$/gm, '');
		for (const name of names)
			if (new RegExp(`["/]${name.replace('.', '\\.')}"`).test(text)) found.set(name, [...(found.get(name) ?? []), file]);
	}
	return found;
}

/** The test functions of the files that mention a vector file; their subtests are the cases. */
async function goOutcomes(root: string, names: readonly string[]): Promise<Outcomes> {
	const module = join(root, 'kits/go');
	const files = mentions(module, /_test\.go$/, names);
	const testsOf = (file: string): string[] => [...readFileSync(file, 'utf8').matchAll(/^func (Test\w+)\(/gm)].map(([, test]) => test ?? '');
	const all = [...new Set([...files.values()].flat())];
	const packages = [...new Set(all.map((file) => `./${relative(module, dirname(file))}`))];
	const failed = new Map<string, string[]>();
	const passed = new Set<string>();
	const broken: string[] = [];
	const pattern = `^(${[...new Set(all.flatMap(testsOf))].join('|')})$`;
	await lines('go', ['test', '-json', '-count=1', '-run', pattern, ...packages], module, (line) => {
		if (!line.startsWith('{')) return;
		const { Action: action, Package: of = '', Test: test = '' } = JSON.parse(line) as { Action: string; Package?: string; Test?: string };
		const key = `${of.replace(/^throughline\.dev\/kits\/go\/?/, '')}:${test.split('/')[0]}`;
		if (action === 'build-fail' || (action === 'fail' && test === '')) broken.push(of);
		if (action === 'pass') passed.add(key);
		if (action === 'fail' && test !== '') failed.set(key, [...(failed.get(key) ?? []), test]);
	});
	// A file may hold several tests, each of other vectors: one fails the vectors it names in its body.
	return new Map(
		[...files].map(([name, where]) => {
			const problems: string[] = [];
			for (const file of where) {
				const folder = relative(module, dirname(file));
				for (const test of testsThatRead(readFileSync(file, 'utf8'), name, /^func (Test\w+)\(/gm)) {
					const key = `${folder}:${test}`;
					problems.push(...(failed.get(key) ?? []));
					if (!passed.has(key) && !failed.has(key)) problems.push(`${test} did not run (${broken.join(', ')})`);
				}
			}
			return [name, problems];
		}),
	);
}

/** Tests whose own text has the name; all of the file when it stands outside of tests. */
function testsThatRead(source: string, name: string, start: RegExp): string[] {
	const starts = [...source.matchAll(start)];
	const bodies = starts.map((match, at) => ({ test: match[1] ?? '', text: source.slice(match.index, starts[at + 1]?.index) }));
	const own = bodies.filter(({ text }) => text.includes(`${name}"`));
	return (own.length > 0 ? own : bodies).map(({ test }) => test);
}

async function rustOutcomes(root: string, names: readonly string[]): Promise<Outcomes> {
	const source = join(root, 'kits/rust/src');
	const files = mentions(source, /\.rs$/, names);
	const results = new Map<string, boolean>();
	// As the tests build it, so that nothing is compiled twice.
	const args = ['test', '--locked', '--workspace', '--all-features', '--lib', '--no-fail-fast', '--', '--test-threads=2'];
	await lines('cargo', args, root, (line) => {
		const [, test, outcome] = line.match(/^test (\S+) \.\.\. (ok|FAILED)$/) ?? [];
		if (test !== undefined) results.set(test, outcome === 'ok');
	});
	return new Map(
		[...files].map(([name, where]) => {
			const problems = where.flatMap((file) => {
				const path = relative(source, file)
					.split(sep)
					.join('::')
					.replace(/\.rs$/, '')
					.replace(/::mod$/, '');
				const tests = testsThatRead(readFileSync(file, 'utf8'), name, /#\[test\]\n(?:\s*#\[.*\]\n)*\s*fn (\w+)\(/g);
				const ran = [...results].filter(([test]) => test.startsWith(`${path}::`) && tests.includes(test.split('::').at(-1) ?? ''));
				if (ran.length === 0) return [`the tests of ${basename(file)} did not run`];
				return ran.filter(([, ok]) => !ok).map(([test]) => `${test} failed`);
			});
			return [name, problems];
		}),
	);
}

function lines(command: string, args: readonly string[], folder: string, see: (line: string) => void): Promise<void> {
	return new Promise((settle, fail) => {
		const child = spawn(command, [...args], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
		createInterface({ input: child.stdout }).on('line', see);
		child.once('error', fail);
		child.once('close', () => settle());
	});
}
