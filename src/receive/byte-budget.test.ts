import { describe, expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

describe('the byte budget', () => {
	test('refuses what does not fit, and takes nothing of it', () => {
		const budget = new ByteBudget(100);
		const [a, b] = [budget.lease(), budget.lease()];
		a.take(60);
		expect(() => b.take(41)).toThrow(expect.objectContaining({ code: 'overloaded', retryable: true }));
		expect(budget.takenBytes).toBe(60);
		b.take(40);
		expect(budget.takenBytes).toBe(100);
	});

	test('gives back what a lease holds, never more, however often it is asked', () => {
		const budget = new ByteBudget(100);
		const [a, b] = [budget.lease(), budget.lease()];
		a.take(60);
		b.take(10);
		a.give(20);
		expect(budget.takenBytes).toBe(50);
		a.give(1_000);
		a.release();
		a.release();
		expect(budget.takenBytes).toBe(10);
	});
});
