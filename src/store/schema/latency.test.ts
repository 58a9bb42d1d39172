import { describe, expect, test } from 'vitest';
import { bucketStartNs, latencyBucket, latencyQuantilesNs } from './latency.ts';

describe('latency buckets', () => {
	test('a bucket holds what lies between its edges and is 9.05 % wide', () => {
		for (const durationNs of [1, 2, 3, 999, 1_000_000, 123_456_789, 60e9]) {
			const bucket = latencyBucket(durationNs);
			expect(bucketStartNs(bucket)).toBeLessThanOrEqual(durationNs * (1 + 1e-12));
			expect(bucketStartNs(bucket + 1)).toBeGreaterThan(durationNs);
		}
		expect(bucketStartNs(101) / bucketStartNs(100)).toBeCloseTo(1.0905, 4);
	});

	test('zero and negative durations count as a nanosecond', () => {
		expect([latencyBucket(0), latencyBucket(-5), latencyBucket(2 ** 63)]).toEqual([0, 0, 504]);
	});

	test('quantiles are within a bucket of the exact ones', () => {
		const durations = Array.from({ length: 10_000 }, (_, i) => Math.exp(10 + (i / 10_000) * 8));
		const buckets: Record<string, number> = {};
		for (const durationNs of durations) buckets[latencyBucket(durationNs)] = (buckets[latencyBucket(durationNs)] ?? 0) + 1;
		const quantiles = [0.01, 0.5, 0.95, 0.99, 1];
		const answers = latencyQuantilesNs(buckets, quantiles);
		quantiles.forEach((quantile, i) => {
			const exact = durations[Math.min(durations.length - 1, Math.floor(quantile * durations.length))] as number;
			expect(Math.abs(Math.log2((answers[i] as number) / exact))).toBeLessThanOrEqual(1 / 8);
		});
	});

	test('an empty histogram has no quantiles, and counts may come as decimal strings', () => {
		expect(latencyQuantilesNs({}, [0.5])).toEqual([null]);
		expect(latencyQuantilesNs({ '80': '3' }, [1])).toEqual([bucketStartNs(81)]);
	});
});
