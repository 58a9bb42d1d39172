/** Durations as Go's `time.ParseDuration` reads them (`1.2s`, `100ms`, `1h30m`), which is how Jaeger's clients write them. */

const UNIT_NS: Readonly<Record<string, number>> = {
	ns: 1,
	us: 1e3,
	'\u00b5s': 1e3, // micro sign
	'\u03bcs': 1e3, // Greek mu
	ms: 1e6,
	s: 1e9,
	m: 60e9,
	h: 3_600e9,
	/** Not Go's, but sent by Jaeger's UI as lookback. */
	d: 86_400e9,
	w: 604_800e9,
};

const PART = '(\\d+\\.?\\d*|\\.\\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d|w)';
const WHOLE = new RegExp(`^\\+?(?:${PART})+$`);
const PARTS = new RegExp(PART, 'g');
/** About 1 000 days: longer than any trace, and sums with an epoch time stay inside int64. */
const DURATION_NS_MAX = 9e16;

/** Nanoseconds, rounded; undefined when the text is no duration, is negative or passes 1 000 days. */
export function parseDurationNs(text: string): number | undefined {
	if (text === '0') return 0;
	if (text.length > 64 || !WHOLE.test(text)) return undefined;
	let total = 0;
	for (const [, amount, unit] of text.matchAll(PARTS)) total += Number(amount) * (UNIT_NS[unit ?? ''] ?? Number.NaN);
	return total <= DURATION_NS_MAX ? Math.round(total) : undefined;
}
