import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HourRule } from './hour.ts';

const HOUR_NS = 3_600_000_000_000n;
const RECEIVED_MS = Date.UTC(2026, 0, 15, 10, 20);
const receivedNs = BigInt(RECEIVED_MS) * 1_000_000n;

function hourOf(rule: HourRule, ns: bigint): number {
	return rule.of(Number(BigInt.asIntN(32, ns)), Number(BigInt.asIntN(32, ns >> 32n)));
}

test('is exact to the nanosecond within the window', () => {
	const rule = new HourRule();
	rule.receive(RECEIVED_MS);
	const offsets = fc.oneof(
		fc.bigInt(-7n * 24n * HOUR_NS + 10_000n, HOUR_NS - 10_000n),
		fc.bigInt(-160n, 0n).map((hours) => hours * HOUR_NS),
	);
	fc.assert(
		fc.property(offsets, fc.integer({ min: -2, max: 2 }), (offset, nudge) => {
			const base = offset % HOUR_NS === 0n ? (receivedNs / HOUR_NS) * HOUR_NS + offset : receivedNs + offset;
			const ns = base + BigInt(nudge);
			expect(hourOf(rule, ns)).toBe(Number(ns / HOUR_NS) * 3600);
		}),
		{ numRuns: 2000 },
	);
});

test.each([
	['absent', 0n],
	['eight days back', receivedNs - 8n * 24n * HOUR_NS],
	['two hours ahead', receivedNs + 2n * HOUR_NS],
	['beyond any calendar', 2n ** 64n - 1n],
])('a time that is %s is filed under the hour of receipt', (_, ns) => {
	const rule = new HourRule();
	rule.receive(RECEIVED_MS);
	expect(hourOf(rule, ns)).toBe(Date.UTC(2026, 0, 15, 10) / 1000);
});
