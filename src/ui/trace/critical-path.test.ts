import { expect, test } from 'vitest';
import { criticalPath } from './critical-path.ts';
import { buildTrace } from './model.ts';
import { sketch } from './sketch.ts';

/** 'id from-to' of every segment, by time. */
function segments(lines: string): string[] {
	const model = buildTrace(sketch(lines));
	const path = criticalPath(model);
	const found: { id: string; from: number; to: number }[] = [];
	for (let node = 0; node < model.spanCount; node++)
		for (let at = path.offset[node] as number; at < (path.offset[node + 1] as number); at++)
			found.push({ id: model.response.columns.spanId[node] as string, from: path.from[at] as number, to: path.to[at] as number });
	return found.sort((a, b) => a.from - b.from).map(({ id, from, to }) => `${id} ${from}-${to}`);
}

test('sequential children own their time, the parent the gaps', () => {
	expect(
		segments(`
			a - web GET 0+100
			b a db SELECT 10+20
			c a db SELECT 40+50
		`),
	).toEqual(['a 0-10', 'b 10-30', 'a 30-40', 'c 40-90', 'a 90-100']);
});

test('of parallel children only the last to finish counts', () => {
	expect(
		segments(`
			a - web GET 0+100
			fast a db SELECT 10+30
			slow a db SELECT 12+70
		`),
	).toEqual(['a 0-12', 'slow 12-82', 'a 82-100']);
});

test('the path goes down into grandchildren', () => {
	expect(
		segments(`
			a - web GET 0+100
			b a orders POST 0+100
			c b db INSERT 20+60
		`),
	).toEqual(['b 0-20', 'c 20-80', 'b 80-100']);
});

test('detached work of the same service is not waited for', () => {
	expect(
		segments(`
			a - web GET 0+100
			audit a web audit 50+500
			b a db SELECT 20+30
		`),
	).toEqual(['a 0-20', 'b 20-50', 'a 50-100']);
});

test('a callee with a fast clock counts up to the end of its caller', () => {
	expect(
		segments(`
			a - web GET 0+100
			b a orders POST 20+90
		`),
	).toEqual(['a 0-20', 'b 20-100']);
});

test('a consumer that starts after the producer ended is left out', () => {
	expect(
		segments(`
			a - web GET 0+100
			b a mail process 300+50 kind=5
		`),
	).toEqual(['a 0-100']);
});

test('the segments never overlap and cover the root', () => {
	const parts = segments(`
		a - web GET 0+1000
		b a x n 5+600
		c b x n 10+200
		d b y n 150+400
		e a y n 300+650
		f e z n 310+20
		g e z n 320+500
	`).map((part) => (part.split(' ')[1] as string).split('-').map(Number) as [number, number]);
	expect(parts[0]?.[0]).toBe(0);
	expect(parts.at(-1)?.[1]).toBe(1000);
	for (let at = 1; at < parts.length; at++) expect(parts[at]?.[0]).toBe(parts[at - 1]?.[1]);
});
