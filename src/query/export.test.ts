import { expect, test } from 'vitest';
import { secondsPlan, windowPlan, windowsOf } from './export.ts';

test('a service from outside is a parameter, never SQL', () => {
	const question = { signal: 'logs', service: "x' OR 1=1 --", range: { fromMs: 0, toMs: 999 } } as const;
	for (const plan of [secondsPlan(question), windowPlan(question, { fromNs: 0n, toNs: 5n })]) {
		expect(plan.sql).not.toContain('OR 1=1');
		expect(plan.params.service).toBe("x' OR 1=1 --");
	}
	expect(secondsPlan(question).params).toMatchObject({ fromNs: 0n, toNs: 1_000_000_000n });
});

test('windows cover every second that holds rows, once, and stay small', () => {
	const seconds = [
		{ second: 10, rows: 15_000 },
		{ second: 12, rows: 5_000 },
		{ second: 20, rows: 90_000 },
		{ second: 21, rows: 1 },
	];
	expect(windowsOf(seconds)).toEqual([
		{ fromNs: 10_000_000_000n, toNs: 13_000_000_000n },
		{ fromNs: 20_000_000_000n, toNs: 21_000_000_000n },
		{ fromNs: 21_000_000_000n, toNs: 22_000_000_000n },
	]);
	expect(windowsOf([])).toEqual([]);
});
