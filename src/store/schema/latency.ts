/**
 * The latency histogram of `span_rollup`: logarithmic buckets, eight for each doubling, so a bucket is 2^(1/8) (9.05 %) wide and
 * counts of any minutes, operations and engines simply add up. Bucket `b` holds durations in [2^(b/8), 2^((b+1)/8)) nanoseconds;
 * durations below 1 ns count as 1 ns. Migration 0003 writes the same formula in SQL; a test compares the two.
 */

const BUCKETS_PER_DOUBLING = 8;

/** Bucket of a duration: 0 for 1 ns and less, 504 for the longest int64. */
export function latencyBucket(durationNs: number): number {
	return Math.floor(BUCKETS_PER_DOUBLING * Math.log2(Math.max(durationNs, 1)));
}

/** Lower edge of a bucket in nanoseconds. */
export function bucketStartNs(bucket: number): number {
	return 2 ** (bucket / BUCKETS_PER_DOUBLING);
}

/**
 * Quantiles of a bucket map as the engine returns it (JSON: string keys, counts as numbers or decimal strings).
 *
 * Answers one duration in nanoseconds for each of `quantiles` (each in [0, 1]), null when the map is empty. Within a bucket the
 * durations are taken to lie evenly on the logarithmic scale, so an answer is off by at most one bucket's width.
 */
export function latencyQuantilesNs(
	buckets: Readonly<Record<string, number | string>> | ReadonlyMap<number, number>,
	quantiles: readonly number[],
): (number | null)[] {
	const entries = buckets instanceof Map ? [...buckets] : Object.entries(buckets);
	const sorted = entries.map(([bucket, count]) => [Number(bucket), Number(count)] as const).sort((a, b) => a[0] - b[0]);
	const total = sorted.reduce((sum, [, count]) => sum + count, 0);
	if (total === 0) return quantiles.map(() => null);
	return quantiles.map((quantile) => {
		const rank = quantile * total;
		let below = 0;
		for (const [bucket, count] of sorted) {
			if (count > 0 && below + count >= rank) return bucketStartNs(bucket + (rank - below) / count);
			below += count;
		}
		return bucketStartNs((sorted.at(-1)?.[0] ?? 0) + 1);
	});
}
