/**
 * The time a page looks at, as the URL keeps it: `last=1h` (moves with the clock) or `from=…&to=…` in milliseconds since the epoch
 * (stands still, for links that show the other person the same thing).
 */

export type TimeRange =
	| { readonly kind: 'relative'; readonly lastMs: number }
	| { readonly kind: 'absolute'; readonly fromMs: number; readonly toMs: number };

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LAST_MS_MAX = 90 * 86_400_000;

export const DEFAULT_RANGE: TimeRange = { kind: 'relative', lastMs: 900_000 };

/** Offered as one click. */
export const PRESETS_MS: readonly number[] = ['5m', '15m', '1h', '3h', '12h', '1d', '2d', '7d'].map((token) => parseLast(token) as number);

/** '90m', '2h', '7d' -> milliseconds; undefined when it is no such token or beyond 90 days. */
export function parseLast(token: string): number | undefined {
	const match = /^\s*(\d{1,6})\s*(s|m|min|h|d)\s*$/.exec(token);
	if (match === null) return undefined;
	const unitMs = UNIT_MS[(match[2] as string)[0] as string] as number;
	const lastMs = Number(match[1]) * unitMs;
	return lastMs > 0 && lastMs <= LAST_MS_MAX ? lastMs : undefined;
}

/** 'YYYY-MM-DD HH:MM[:SS]' in local time, or any time with a zone as ISO 8601 has it -> milliseconds; undefined when it is neither. */
export function parseDateTime(text: string): number | undefined {
	const local = /^\s*(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?\s*$/.exec(text);
	if (local !== null) {
		const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = local.slice(1).map((part) => Number(part ?? 0));
		const date = new Date(year, month - 1, day, hour, minute, second);
		// 2026-02-31 would silently become March.
		return date.getMonth() === month - 1 && date.getDate() === day && hour < 24 && minute < 60 && second < 60 ? date.getTime() : undefined;
	}
	const timeMs = /\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)\s*$/.test(text) ? Date.parse(text.trim()) : Number.NaN;
	return Number.isFinite(timeMs) ? timeMs : undefined;
}

/** The shortest token for a span of time: 5_400_000 -> '90m'. */
export function lastToken(lastMs: number): string {
	for (const unit of ['d', 'h', 'm'] as const) {
		const unitMs = UNIT_MS[unit] as number;
		if (lastMs % unitMs === 0) return `${lastMs / unitMs}${unit}`;
	}
	return `${Math.round(lastMs / 1000)}s`;
}

/** Anything unreadable falls back to the default: a link must never break the page. */
export function readTimeRange(params: URLSearchParams): TimeRange {
	const fromMs = instantMs(params.get('from'));
	const toMs = instantMs(params.get('to'));
	if (fromMs !== undefined && toMs !== undefined && toMs > fromMs) return { kind: 'absolute', fromMs, toMs };
	const lastMs = parseLast(params.get('last') ?? '');
	return lastMs === undefined ? DEFAULT_RANGE : { kind: 'relative', lastMs };
}

/** Writes the range into `params`; the default leaves no trace. */
export function writeTimeRange(params: URLSearchParams, range: TimeRange): void {
	for (const key of ['last', 'from', 'to']) params.delete(key);
	if (range.kind === 'absolute') {
		params.set('from', String(Math.round(range.fromMs)));
		params.set('to', String(Math.round(range.toMs)));
	} else if (range.lastMs !== (DEFAULT_RANGE as { lastMs: number }).lastMs) params.set('last', lastToken(range.lastMs));
}

export function resolveRange(range: TimeRange, nowMs: number): { fromMs: number; toMs: number } {
	return range.kind === 'absolute' ? { fromMs: range.fromMs, toMs: range.toMs } : { fromMs: nowMs - range.lastMs, toMs: nowMs };
}

/** A stable text for query keys: the relative token, not the moving instants. */
export function rangeKey(range: TimeRange): string {
	return range.kind === 'absolute' ? `${range.fromMs}-${range.toMs}` : lastToken(range.lastMs);
}

/** Twice as wide around the same middle; a relative range keeps its end at now. */
export function zoomOut(range: TimeRange): TimeRange {
	if (range.kind === 'relative') return { kind: 'relative', lastMs: Math.min(range.lastMs * 2, LAST_MS_MAX) };
	const half = Math.max((range.toMs - range.fromMs) / 2, 500);
	return { kind: 'absolute', fromMs: Math.max(0, Math.floor(range.fromMs - half)), toMs: Math.ceil(range.toMs + half) };
}

function instantMs(text: string | null): number | undefined {
	if (text === null || text === '') return undefined;
	const value = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
	return Number.isFinite(value) && value >= 0 ? value : undefined;
}
