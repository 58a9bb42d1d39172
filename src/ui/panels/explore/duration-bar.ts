/** The scale of the bars beside durations: one giant must not flatten all others. */

/** A longest this many times the typical long one is an outlier. */
const OUTLIER_FACTOR = 3;

/**
 * The duration of a full bar: the longest, unless it is more than three times the 90th percentile; then that percentile with half as
 * much again, and what lies beyond is drawn with a broken end.
 */
export function fullBarNs(durationsNs: readonly number[]): number {
	const sorted = durationsNs.toSorted((a, b) => a - b);
	const longest = sorted.at(-1) ?? 1;
	const typical = sorted[Math.floor((sorted.length - 1) * 0.9)] ?? longest;
	return Math.max(longest > typical * OUTLIER_FACTOR ? typical * 1.5 : longest, 1);
}
