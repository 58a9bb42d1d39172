import { expect, test } from 'vitest';
import { type Column, sortRows, toggleSort } from './table-sort.ts';

interface Row {
	readonly name: string;
	readonly p95: number | null;
}
const columns: readonly (Column<Row> & { align?: 'right' })[] = [
	{ id: 'name', value: (row) => row.name },
	{ id: 'p95', value: (row) => row.p95, align: 'right' },
	{ id: 'spark' },
];
const rows: readonly Row[] = [
	{ name: 'pay-10', p95: 5 },
	{ name: 'pay-9', p95: null },
	{ name: 'cart', p95: 70 },
];
const names = (by: string, descending: boolean) => sortRows(rows, columns, { by, descending }).map((row) => row.name);

test('numbers in names count as numbers', () => expect(names('name', false)).toEqual(['cart', 'pay-9', 'pay-10']));

test('missing values come last in both directions', () => {
	expect(names('p95', true)).toEqual(['cart', 'pay-10', 'pay-9']);
	expect(names('p95', false)).toEqual(['pay-10', 'cart', 'pay-9']);
});

test('unknown columns and columns without a value keep the order', () => {
	expect(names('gone', true)).toEqual(names('spark', true));
	expect(names('gone', true)).toEqual(['pay-10', 'pay-9', 'cart']);
});

test('numbers start largest first, text from A; again turns round', () => {
	const [name, p95] = columns;
	if (name === undefined || p95 === undefined) throw new Error('two columns');
	expect(toggleSort({ by: '', descending: false }, p95)).toEqual({ by: 'p95', descending: true });
	expect(toggleSort({ by: 'p95', descending: true }, p95)).toEqual({ by: 'p95', descending: false });
	expect(toggleSort({ by: 'p95', descending: true }, name)).toEqual({ by: 'name', descending: false });
});
