import { expect, test } from 'vitest';
import { buildTrace, type TraceModel } from './model.ts';
import { buildRows, HIDDEN, parseFilter, type Rows, rowOf } from './rows.ts';
import { sketch } from './sketch.ts';

const model = buildTrace(
	sketch(`
		a - web GET 0+100
		b a orders POST 10+50 error
		c b db SELECT 20+5
		d b db INSERT 30+5
		e a mail send 70+10
	`),
);
const shown = (trace: TraceModel, rows: Rows): string[] =>
	[...rows.node].map((node, row) =>
		node === HIDDEN ? `+${rows.hidden[row]}` : `${rows.faint[row] === 1 ? '~' : ''}${trace.response.columns.spanId[node]}`,
	);
const filtered = (text: string): string[] => shown(model, buildRows(model, new Set(), parseFilter(text)));

test('collapsing hides the subtree and nothing else', () => {
	expect(shown(model, buildRows(model, new Set()))).toEqual(['a', 'b', 'c', 'd', 'e']);
	expect(shown(model, buildRows(model, new Set([1])))).toEqual(['a', 'b', 'e']);
});

test('a filter keeps matches, their ancestors faintly, and says how many it hides', () => {
	expect(filtered('service:db')).toEqual(['~a', '~b', 'c', 'd', '+1']);
	expect(filtered('insert')).toEqual(['~a', '~b', '+1', 'd', '+1']);
	expect(filtered('nothing')).toEqual(['+5']);
});

test('words must all hold', () => {
	expect(filtered('service:db select')).toEqual(['~a', '~b', 'c', '+2']);
	expect(filtered('status:error')).toEqual(['~a', 'b', '+3']);
	expect(filtered('kind:internal mail')).toEqual(['~a', '+3', 'e']);
});

test('an empty filter is none', () => expect(parseFilter('  ')).toBeUndefined());

test('a span collapsed away is found at the ancestor that stands for it', () => {
	const rows = buildRows(model, new Set([1]));
	expect(rowOf(model, rows, 3)).toBe(1);
	expect(rowOf(model, rows, 4)).toBe(2);
});
