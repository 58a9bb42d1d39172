import { expect, test } from 'vitest';
import { parseDurationNs } from './duration-text.ts';

test.each([
	['1.2s', 1_200_000_000],
	['100ms', 100_000_000],
	['1h30m', 5_400_000_000_000],
	['500us', 500_000],
	['500\u00b5s', 500_000],
	['500\u03bcs', 500_000],
	['+1.5h', 5_400_000_000_000],
	['.5s', 500_000_000],
	['1.s', 1_000_000_000],
	['2d', 172_800_000_000_000],
	['0', 0],
	['15ns', 15],
])('%s is %d ns', (text, ns) => {
	expect(parseDurationNs(text)).toBe(ns);
});

test.each(['', '5', 's', '-1s', '1 s', '1x', '1s2', '1e3s', '99999999h', 'NaNs', `${'1s'.repeat(40)}`])('%s is no duration', (text) => {
	expect(parseDurationNs(text)).toBeUndefined();
});
