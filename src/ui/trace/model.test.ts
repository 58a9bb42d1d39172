import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildTrace, FLAG, hasFlag, ROOT, selfTime, type TraceModel } from './model.ts';
import { sketch } from './sketch.ts';

const at = (model: TraceModel, id: string): number => {
	const node = model.nodeOfSpan.get(id) ?? model.spanCount + model.missingIds.indexOf(id);
	if (node < 0) throw new Error(`no ${id}`);
	return node;
};
const idOf = (model: TraceModel, node: number): string =>
	model.response.columns.spanId[node] ?? model.missingIds[node - model.spanCount] ?? '';
const outline = (model: TraceModel): string[] =>
	[...model.order].map((node) => '.'.repeat(model.depth[node] as number) + idOf(model, node));

describe('the tree', () => {
	test('children follow their parent, siblings by start', () => {
		const model = buildTrace(
			sketch(`
				a - web GET 0+100
				c a db SELECT 50+10
				b a orders POST 10+30
				d b db INSERT 20+5
			`),
		);
		expect(outline(model)).toEqual(['a', '.b', '..d', '.c']);
		expect([...model.subtreeSize].map((size, node) => [idOf(model, node), size])).toEqual([
			['a', 4],
			['b', 2],
			['d', 1],
			['c', 1],
		]);
	});

	test('one row stands for each missing parent and spans its children', () => {
		const model = buildTrace(
			sketch(`
				a - web GET 0+100
				b lost db SELECT 50+10
				c lost db SELECT 70+20
			`),
		);
		expect(outline(model)).toEqual(['a', 'lost', '.b', '.c']);
		const lost = at(model, 'lost');
		expect(hasFlag(model, lost, FLAG.missing)).toBe(true);
		expect([model.start[lost], model.duration[lost]]).toEqual([50, 40]);
	});

	test('a circle of parents is cut once and every span is drawn once', () => {
		const model = buildTrace(
			sketch(`
				a c x one 0+10
				b a x two 1+5
				c b x three 2+3
				s s x self 4+1
			`),
		);
		expect(outline(model)).toHaveLength(4);
		expect(new Set(model.order).size).toBe(4);
		expect([...model.flags].filter((flag) => (flag & FLAG.cyclic) !== 0)).toHaveLength(2);
	});

	test('errors are counted upwards', () => {
		const model = buildTrace(
			sketch(`
				a - web GET 0+100
				b a db SELECT 10+10
				c b db SELECT 12+5 error
				d a db SELECT 50+5 error
			`),
		);
		expect(model.errorCount).toBe(2);
		expect([model.errorsBelow[at(model, 'a')], model.errorsBelow[at(model, 'b')], model.errorsBelow[at(model, 'c')]]).toEqual([2, 1, 0]);
	});
});

test('detached and clock-skewed children are marked', () => {
	const model = buildTrace(
		sketch(`
			a - web GET 10+100
			after a web late 200+10
			outlasts a web long 50+100
			early a db SELECT 5+10
			inside a db SELECT 20+10
		`),
	);
	const marks = ['after', 'outlasts', 'early', 'inside'].map((id) => model.flags[at(model, id)]);
	expect(marks).toEqual([FLAG.async, FLAG.async, FLAG.skewed, 0]);
});

test('self time is what no child covers, overlaps counted once', () => {
	const model = buildTrace(
		sketch(`
			a - web GET 0+100
			b a db SELECT 10+30
			c a db SELECT 20+40
			d a db SELECT 90+50
		`),
	);
	const a = at(model, 'a');
	expect(selfTime(model, a)).toBe(10 + 30);
	expect(Array.from(model.selfStart.subarray(model.selfOffset[a], model.selfOffset[a + 1]))).toEqual([0, 60]);
	expect(selfTime(model, at(model, 'b'))).toBe(30);
});

test('any forest of spans, however broken, is drawn completely and in order', () => {
	const span = fc.record({ parent: fc.integer({ min: -1, max: 45 }), start: fc.nat(1000), duration: fc.nat(1000) });
	fc.assert(
		fc.property(fc.array(span, { minLength: 1, maxLength: 40 }), (spans) => {
			const lines = spans.map((one, id) => `s${id} ${one.parent < 0 ? '-' : `s${one.parent}`} x n ${one.start}+${one.duration}`);
			const model = buildTrace(sketch(lines.join('\n')));
			expect([...model.order].sort((a, b) => a - b)).toEqual(Array.from({ length: model.nodeCount }, (_, node) => node));
			for (const node of model.order) {
				const above = model.parent[node] as number;
				if (above !== ROOT) expect(model.position[above]).toBeLessThan(model.position[node] as number);
				expect(selfTime(model, node)).toBeLessThanOrEqual(model.duration[node] as number);
			}
		}),
	);
});

test('a chain of 20 000 spans needs no recursion', () => {
	const lines = Array.from({ length: 20_000 }, (_, id) => `s${id} ${id === 0 ? '-' : `s${id - 1}`} x n ${id}+${40_000 - id * 2}`);
	const model = buildTrace(sketch(lines.slice(0, 20_000).join('\n')));
	expect(model.depth[19_999]).toBe(19_999);
});
