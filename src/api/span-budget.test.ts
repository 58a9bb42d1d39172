import { expect, test } from 'vitest';
import { SpanBudget } from './span-budget.ts';

const { signal } = new AbortController();

async function isPending(promise: Promise<unknown>): Promise<boolean> {
	return (await Promise.race([promise.then(() => 'settled'), new Promise((settle) => setTimeout(settle, 5, 'pending'))])) === 'pending';
}

test('what fits passes side by side; what does not waits, in order, for room given back', async () => {
	const budget = new SpanBudget(100, 1_000);
	const giveBack = await budget.take(60, signal);
	const small = await budget.take(40, signal);
	const large = budget.take(1_000, signal);
	const later = budget.take(1, signal);
	small();
	small();
	expect(await isPending(large)).toBe(true);
	expect(await isPending(later)).toBe(true);
	giveBack();
	(await large)();
	(await later)();
	(await budget.take(100, signal))();
});

test('who waits too long is refused as overloaded, and does not hold up who comes behind', async () => {
	const budget = new SpanBudget(100, 20);
	const giveBack = await budget.take(60, signal);
	const large = budget.take(50, signal);
	const small = budget.take(40, signal);
	await expect(large).rejects.toMatchObject({ code: 'overloaded', retryable: true });
	(await small)();
	giveBack();
});

test('who hangs up leaves the queue', async () => {
	const budget = new SpanBudget(10, 1_000);
	const giveBack = await budget.take(10, signal);
	const client = new AbortController();
	const waiting = budget.take(10, client.signal);
	client.abort();
	await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
	await expect(budget.take(1, client.signal)).rejects.toMatchObject({ code: 'cancelled' });
	giveBack();
	(await budget.take(10, signal))();
});
