/**
 * Who may import whom in `src/`: the architecture as a program. Reads every import of every file and fails on a folder that
 * reaches where the table does not allow, on a cycle between files, and on debt that has been paid but is still listed.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Folder -> folders or single files it may import from, beside itself. ARCHITECTURE.md says why. */
export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
	base: [],
	model: ['base'],
	otlp: ['base', 'model'],
	registry: ['base', 'model'],
	query: ['base', 'model'],
	buffer: ['base'],
	pipeline: ['base', 'model', 'registry'],
	store: ['base', 'model', 'query'],
	derive: ['base', 'model', 'query', 'store'],
	control: ['base', 'model', 'registry'],
	alert: ['base', 'model', 'query'],
	receive: ['base', 'model', 'otlp'],
	api: ['base', 'model', 'query', 'registry', 'control', 'alert', 'store'],
	server: ['base', 'model', 'otlp', 'registry', 'query', 'buffer', 'pipeline', 'store', 'derive', 'control', 'alert', 'receive', 'api'],
	cli: ['base', 'model', 'query', 'api/contract.ts', 'server'],
	ui: ['base', 'model', 'query', 'api/contract.ts'],
};

/** Imports that break the table today, as 'from -> to'. This list only shrinks. */
export const DEBT: readonly string[] = [];

export interface Import {
	/** Paths relative to the source root, with `/`. */
	readonly from: string;
	readonly to: string;
}

export function sourceFiles(root: string): string[] {
	return readdirSync(root, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
		.map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
		.sort();
}

const IMPORT =
	/(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

export function importsOf(root: string, file: string): Import[] {
	const text = readFileSync(join(root, file), 'utf8');
	const found: Import[] = [];
	for (const match of text.matchAll(IMPORT)) {
		const target = match[1] ?? match[2] ?? match[3];
		if (target === undefined || !target.startsWith('.')) continue;
		const absolute = resolve(root, dirname(file), target);
		found.push({ from: file, to: relative(root, absolute).split(sep).join('/') });
	}
	return found;
}

/** Every breach, in words; empty when the table holds. */
export function layerBreaches(root: string, debt: readonly string[] = DEBT): string[] {
	const breaches: string[] = [];
	const unpaid = new Set(debt);
	for (const file of sourceFiles(root)) {
		const folder = file.split('/')[0] ?? '';
		const allowed = ALLOWED[folder];
		if (allowed === undefined) {
			breaches.push(`${file}: folder '${folder}' is not in the import table (tools/check/layers.ts)`);
			continue;
		}
		for (const { to } of importsOf(root, file)) {
			if (to.startsWith('..')) {
				// Tests may read what is not source (vectors, fixtures); code may not.
				if (!/\.test\.tsx?$/.test(file)) breaches.push(`${file} imports ${to}, outside src/`);
				continue;
			}
			if (!existsSync(join(root, to))) continue;
			const target = to.split('/')[0] ?? '';
			if (target === folder || allowed.includes(target) || allowed.includes(to)) continue;
			if (/\.test\.tsx?$/.test(file)) continue; // A test may stand where two rooms meet.
			if (unpaid.delete(`${file} -> ${to}`)) continue;
			breaches.push(`${file} imports ${to}, but ${folder}/ may import only ${allowed.join(', ') || 'nothing of ours'}`);
		}
	}
	for (const paid of unpaid) breaches.push(`debt '${paid}' is paid: take it off the list in tools/check/layers.ts`);
	return breaches;
}

/** Cycles between files, each as a path of file names; found as strongly connected components (Tarjan 1972). */
export function cycles(root: string): string[][] {
	const graph = new Map(sourceFiles(root).map((file) => [file, importsOf(root, file).map(({ to }) => to)]));
	const index = new Map<string, number>();
	const low = new Map<string, number>();
	const stack: string[] = [];
	const found: string[][] = [];
	const visit = (file: string): void => {
		const order = index.size;
		index.set(file, order);
		low.set(file, order);
		stack.push(file);
		for (const to of graph.get(file) ?? []) {
			if (!graph.has(to)) continue;
			if (!index.has(to)) {
				visit(to);
				low.set(file, Math.min(low.get(file) ?? 0, low.get(to) ?? 0));
			} else if (stack.includes(to)) low.set(file, Math.min(low.get(file) ?? 0, index.get(to) ?? 0));
		}
		if (low.get(file) !== index.get(file)) return;
		const component = stack.splice(stack.indexOf(file));
		if (component.length > 1 || (graph.get(file) ?? []).includes(file)) found.push(component);
	};
	for (const file of graph.keys()) if (!index.has(file)) visit(file);
	return found;
}

if (import.meta.main) {
	const root = resolve(import.meta.dirname, '../../src');
	const problems = [...layerBreaches(root), ...cycles(root).map((files) => `import cycle: ${[...files, files[0]].join(' -> ')}`)];
	for (const problem of problems) console.error(problem);
	if (problems.length > 0) process.exit(1);
	console.log(`layers: ${sourceFiles(root).length} files keep the import table, no cycles`);
}
