import { expect, test } from 'vitest';
import type { ServiceSummary } from '../../../api/contract.ts';
import { totalsOf } from './totals.ts';

const service = (calls: number[], errors: number[]): ServiceSummary => ({
	service: 'x',
	language: null,
	calls: calls.reduce((a, b) => a + b, 0),
	errors: errors.reduce((a, b) => a + b, 0),
	callsPerSecond: 1,
	errorRatio: 0,
	p50Ms: null,
	p95Ms: null,
	p99Ms: null,
	series: { startMs: 1000, stepMs: 2000, calls, errors, p95Ms: calls.map(() => null) },
});

test('services are added step by step', () => {
	const totals = totalsOf([service([4, 0], [1, 0]), service([4, 0], [1, 0])]);
	expect(totals).toMatchObject({ rate: [4, 0], errorRatio: [0.25, 0], calls: 8, errors: 2, callsPerSecond: 2 });
});

test('nothing to add is said, not drawn as zero', () => {
	expect(totalsOf([])).toBeUndefined();
	expect(totalsOf([service([], [])])).toBeUndefined();
});
