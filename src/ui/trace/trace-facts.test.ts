import { expect, test } from 'vitest';
import { buildTrace } from './model.ts';
import { sketch } from './sketch.ts';
import { rootNode, servicesOf, shareUrl } from './trace-facts.ts';

const model = buildTrace(
	sketch(`
		x lost mail send 0+5 error
		a - web GET 10+100
		b a db SELECT 20+5
		c a db SELECT 30+5 error
	`),
);

test('the root is the longest span without a parent', () => expect(model.response.columns.spanId[rootNode(model)]).toBe('a'));

test('services are counted with their errors, in the order of the tree', () => {
	expect(servicesOf(model).map(({ service, spanCount, errorCount }) => [service, spanCount, errorCount])).toEqual([
		['mail', 1, 1],
		['web', 1, 0],
		['db', 2, 1],
	]);
});

test('a shared link stands still', () => {
	const url = new URL(shareUrl('http://localhost/trace/abc?last=7d&live=1&span=00f067aa0ba902b7', model));
	expect(url.searchParams.get('last')).toBeNull();
	expect(url.searchParams.get('live')).toBeNull();
	expect(url.searchParams.get('span')).toBe('00f067aa0ba902b7');
	expect(Number(url.searchParams.get('from'))).toBe(1_764_000_000_000 - 300_000);
});
