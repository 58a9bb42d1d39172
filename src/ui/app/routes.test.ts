import { expect, test } from 'vitest';
import { explorePath, overviewPath, pathPart, servicePath, tracePath } from './routes.ts';

test('links carry the time range and nothing else', () => {
	expect(overviewPath('?last=7d&service=orders&q=x')).toBe('/?last=7d');
	expect(tracePath('abc', 'from=1&to=2&live=1', '00f067aa0ba902b7')).toBe('/trace/abc?from=1&to=2&live=1&span=00f067aa0ba902b7');
	expect(explorePath('', { service: 'orders', status: '' })).toBe('/explore?service=orders');
});

test('any service name survives its address', () => {
	for (const name of ['orders', 'a/b', '50%', 'what?', 'ünï #1', '%41']) expect(pathPart(servicePath(name, ''), 2)).toBe(name);
	expect(pathPart('/services/%E0', 2)).toBe('%E0');
});
