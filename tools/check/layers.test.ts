import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cycles, layerBreaches } from './layers.ts';

let root = '';
beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), 'layers-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
	mkdirSync(dirname(join(root, file)), { recursive: true });
	writeFileSync(join(root, file), text);
}

describe('the import table', () => {
	test('an allowed import passes', () => {
		write('base/time.ts', 'export const x = 1;');
		write('model/block.ts', "import { x } from '../base/time.ts';\nexport { x };");
		expect(layerBreaches(root, [])).toEqual([]);
	});

	test('a forbidden import is named, also as a type, a re-export and a dynamic import', () => {
		write('model/block.ts', 'export type X = 1;');
		write('base/a.ts', "import type { X } from '../model/block.ts';\nexport type Y = X;");
		write('base/b.ts', "export type { X } from '../model/block.ts';");
		write('base/c.ts', "export const load = () => import('../model/block.ts');");
		expect(layerBreaches(root, []).map((line) => line.split(' ')[0])).toEqual(['base/a.ts', 'base/b.ts', 'base/c.ts']);
	});

	test('a folder outside the table is refused', () => {
		write('utils/a.ts', 'export const x = 1;');
		expect(layerBreaches(root, [])).toHaveLength(1);
	});

	test('listed debt is let pass, paid debt must leave the list', () => {
		write('model/block.ts', 'export type X = 1;');
		write('base/a.ts', "import type { X } from '../model/block.ts';\nexport type Y = X;");
		expect(layerBreaches(root, ['base/a.ts -> model/block.ts'])).toEqual([]);
		expect(layerBreaches(root, ['base/a.ts -> model/block.ts', 'base/b.ts -> model/block.ts'])).toHaveLength(1);
	});

	test('only the contract of the API is open to the UI', () => {
		write('api/contract.ts', 'export const a = 1;');
		write('api/app.ts', 'export const b = 1;');
		write('ui/x.ts', "import { a } from '../api/contract.ts';\nimport { b } from '../api/app.ts';\nexport const c = a + b;");
		expect(layerBreaches(root, [])).toEqual([expect.stringContaining('ui/x.ts imports api/app.ts')]);
	});
});

test('a cycle between files is found', () => {
	write('base/a.ts', "import { b } from './b.ts';\nexport const a = () => b;");
	write('base/b.ts', "import { c } from './c.ts';\nexport const b = () => c;");
	write('base/c.ts', "import { a } from './a.ts';\nexport const c = () => a;");
	expect(cycles(root).map((files) => files.toSorted())).toEqual([['base/a.ts', 'base/b.ts', 'base/c.ts']]);
});

test('the real source keeps the table', () => {
	const source = resolve(import.meta.dirname, '../../src');
	expect(layerBreaches(source)).toEqual([]);
	expect(cycles(source)).toEqual([]);
});
