import { expect, test } from 'vitest';
import { lossesOf, type SignalAccount } from './losses.ts';

const NOTHING: SignalAccount = {
	signal: 'traces',
	accepted: 0,
	recovered: 0,
	rejected: {},
	failed: 0,
	stored: 0,
	inBuffer: 0,
	dropped: {},
	unaccounted: 0,
};

test('losses of all signals stand in one list, most first, as shares of what came in', () => {
	const losses = lossesOf([
		{ ...NOTHING, accepted: 80, recovered: 10, rejected: { trace_id: 10 }, dropped: { damage: 3 } },
		{ ...NOTHING, signal: 'logs', accepted: 5, failed: 20 },
	]);
	expect(losses.map(({ signal, kind, reason, records, share }) => [signal, kind, reason, records, share])).toEqual([
		['logs', 'refused', 'not_durable', 20, 0.8],
		['traces', 'refused', 'trace_id', 10, 0.1],
		['traces', 'dropped', 'damage', 3, 0.03],
	]);
});

test('a reason nobody thought of is still explained', () => {
	const [refused, dropped] = lossesOf([{ ...NOTHING, rejected: { new_one: 2 }, dropped: { other: 1 } }]);
	expect(refused?.meaning).toMatch(/sender/);
	expect(dropped?.meaning).toMatch(/log/);
});
