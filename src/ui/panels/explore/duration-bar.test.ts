import { expect, test } from 'vitest';
import { fullBarNs } from './duration-bar.ts';

test('without outliers the longest fills its bar', () => {
	expect(fullBarNs([10, 20, 30])).toBe(30);
	expect(fullBarNs([])).toBe(1);
	expect(fullBarNs([0])).toBe(1);
});

test('one giant does not flatten the others', () => {
	const ordinary = Array.from({ length: 50 }, (_, index) => 10 + index);
	expect(fullBarNs([...ordinary, 60_000])).toBeLessThan(100);
});
