/**
 * Which scenario covers what: `spec/coverage.json`, checked against the scenarios there are. `node conformance/kits/coverage.ts` prints it
 * as a table: in a cell the number of scenarios, or a letter that says why there are none.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { loadScenarios, SPEC } from './scenarios.ts';

/** Scenarios, or why there are none. */
const cell = z.union([z.array(z.string()).min(1), z.string().min(1)]);
const shape = z.strictObject({
	about: z.array(z.string()),
	situations: z.record(z.string(), z.string()),
	edges: z.record(z.string(), z.record(z.string(), cell)),
});

type Coverage = z.infer<typeof shape>;

export const loadCoverage = (): Coverage => shape.parse(JSON.parse(readFileSync(join(SPEC, 'coverage.json'), 'utf8')));

/** Empty when every edge says something of every situation, every name is one of a scenario, and every scenario is named. */
export function coverageProblems({ situations, edges }: Coverage, ids: readonly string[]): string[] {
	const problems: string[] = [];
	const named = new Set<string>();
	for (const [edge, cells] of Object.entries(edges)) {
		for (const situation of Object.keys(situations))
			if (cells[situation] === undefined) problems.push(`${edge} says nothing of ${situation}`);
		for (const [situation, content] of Object.entries(cells)) {
			if (situations[situation] === undefined) problems.push(`${edge} has the situation ${situation}, which is none`);
			if (typeof content === 'string') continue;
			for (const name of content) {
				const found = ids.filter((id) => fits(id, name));
				if (found.length === 0) problems.push(`${edge}, ${situation}: there is no scenario ${name}`);
				for (const id of found) named.add(id);
			}
		}
	}
	for (const id of ids) if (!named.has(id)) problems.push(`${id} stands nowhere in spec/coverage.json`);
	return problems;
}

const fits = (id: string, name: string): boolean => (name.endsWith('*') ? id.startsWith(name.slice(0, -1)) : id === name);

/** Markdown. */
export function table({ situations, edges }: Coverage, ids: readonly string[]): string {
	const reasons: string[] = [];
	const letterOf = (reason: string): string => {
		if (!reasons.includes(reason)) reasons.push(reason);
		return letters(reasons.indexOf(reason));
	};
	const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
	const columns = Object.keys(situations);
	const rows = Object.entries(edges).map(([edge, cells]) =>
		row([
			edge,
			...columns.map((column) => {
				const content = cells[column] ?? '';
				if (typeof content === 'string') return letterOf(content);
				return String(ids.filter((id) => content.some((name) => fits(id, name))).length);
			}),
		]),
	);
	return [
		row(['', ...columns]),
		row(['---', ...columns.map(() => '---:')]),
		...rows,
		'',
		...reasons.map((reason, at) => `- ${letters(at)}: ${reason}`),
	].join('\n');
}

/** a … z, aa … */
const letters = (at: number): string => (at < 26 ? '' : letters(Math.floor(at / 26) - 1)) + String.fromCharCode(97 + (at % 26));

if (import.meta.main) {
	const [coverage, ids] = [loadCoverage(), loadScenarios().map(({ id }) => id)];
	const problems = coverageProblems(coverage, ids);
	console.log(table(coverage, ids));
	for (const problem of problems) console.error(problem);
	console.log(
		JSON.stringify({
			edges: Object.keys(coverage.edges).length,
			situations: Object.keys(coverage.situations).length,
			scenarios: ids.length,
			problems: problems.length,
		}),
	);
	process.exitCode = problems.length > 0 ? 1 : 0;
}
