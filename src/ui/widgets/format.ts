/**
 * Numbers and times as people read them: at most three significant digits and a unit after a narrow no-break space. The exact
 * value belongs on hover (`exactDuration`, `grouped`), so rounding here loses nothing.
 */

/** U+202F, the thin space that never breaks. */
export const THIN_SPACE = '\u202f';

export interface Quantity {
	/** Digits, with sign: '12.4'. */
	readonly value: string;
	/** 'ms', 'k/s', '%'; '' when there is none. */
	readonly unit: string;
}

interface Scale {
	readonly factor: number;
	readonly unit: string;
}

const DURATION: readonly Scale[] = [
	{ factor: 1, unit: 'ns' },
	{ factor: 1e3, unit: 'µs' },
	{ factor: 1e6, unit: 'ms' },
	{ factor: 1e9, unit: 's' },
];
const COUNT: readonly Scale[] = [
	{ factor: 1, unit: '' },
	{ factor: 1e3, unit: 'k' },
	{ factor: 1e6, unit: 'M' },
	{ factor: 1e9, unit: 'G' },
];
const BYTES: readonly Scale[] = [
	{ factor: 1, unit: 'B' },
	{ factor: 1024, unit: 'KiB' },
	{ factor: 1024 ** 2, unit: 'MiB' },
	{ factor: 1024 ** 3, unit: 'GiB' },
];

const MINUTE_NS = 60e9;
const HOUR_NS = 3600e9;

/** At most three significant digits, no trailing zeros, never an exponent: 12.4, 0.31, 999, 1240. */
export function significant(value: number): string {
	if (value === 0) return '0';
	const magnitude = Math.floor(Math.log10(Math.abs(value)));
	const decimals = Math.min(Math.max(2 - magnitude, 0), 9);
	const text = value.toFixed(decimals);
	return decimals === 0 ? text : text.replace(/\.?0+$/, '');
}

function scaled(value: number, scales: readonly Scale[]): Quantity {
	let chosen = scales[0] as Scale;
	// 999.6 would round to 1000 in its own unit, so the next unit begins half a digit early.
	for (const scale of scales) if (Math.abs(value) >= scale.factor * 0.9995) chosen = scale;
	return { value: significant(value / chosen.factor), unit: chosen.unit };
}

/** Nanoseconds. From a minute on as minutes and seconds, from an hour on as hours and minutes. */
export function duration(ns: number): Quantity {
	const size = Math.abs(ns);
	if (size < MINUTE_NS * 0.9995) return scaled(ns, DURATION);
	const sign = ns < 0 ? '-' : '';
	const [large, small, step, units] = size < HOUR_NS ? [MINUTE_NS, 1e9, 60, ['min', 's']] : [HOUR_NS, MINUTE_NS, 60, ['h', 'min']];
	const steps = Math.round(size / small);
	const rest = steps % step;
	const whole = `${sign}${Math.floor(steps / step)}`;
	if (large === MINUTE_NS && steps >= 3600) return { value: `${sign}1`, unit: 'h' };
	return rest === 0
		? { value: whole, unit: units[0] as string }
		: { value: `${whole}${THIN_SPACE}${units[0]} ${rest}`, unit: units[1] as string };
}

export function count(value: number): Quantity {
	return Math.abs(value) < 1000 && Number.isInteger(value) ? { value: String(value), unit: '' } : scaled(value, COUNT);
}

/** Events per second. */
export function rate(perSecond: number): Quantity {
	const { value, unit } = scaled(perSecond, COUNT);
	return { value, unit: `${unit}/s` };
}

/** A ratio of 0 to 1 as a percentage. */
export function percent(ratio: number): Quantity {
	return { value: significant(ratio * 100), unit: '%' };
}

export function bytes(value: number): Quantity {
	return scaled(value, BYTES);
}

/** '12.4 ms' with the thin space; '/s' and '%' keep it too. */
export function text(quantity: Quantity): string {
	return quantity.unit === '' ? quantity.value : `${quantity.value}${THIN_SPACE}${quantity.unit}`;
}

/** Groups of three digits: 12 345 678. */
export function grouped(value: number | bigint): string {
	return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, THIN_SPACE);
}

/** The exact value, for hover: '12 345 678 ns'. */
export function exactDuration(ns: number): string {
	return `${grouped(Math.round(ns))}${THIN_SPACE}ns`;
}

/** Cuts the middle out of an id: 4bf92f35…0e4736. */
export function shortId(id: string, head = 8, tail = 6): string {
	return id.length <= head + tail + 1 ? id : `${id.slice(0, head)}…${id.slice(-tail)}`;
}

/** Past times in one unit: 'now', '12 s ago', '5 min ago', '3 h ago', '4 d ago'; future times as 'in 5 min'. */
export function relativeTime(timeMs: number, nowMs: number): string {
	const seconds = Math.round((nowMs - timeMs) / 1000);
	const size = Math.abs(seconds);
	if (size < 1) return 'now';
	let amount: string;
	if (size < 60) amount = `${size}${THIN_SPACE}s`;
	else if (size < 3600) amount = `${Math.floor(size / 60)}${THIN_SPACE}min`;
	else if (size < 86_400) amount = `${Math.floor(size / 3600)}${THIN_SPACE}h`;
	else amount = `${Math.floor(size / 86_400)}${THIN_SPACE}d`;
	return seconds > 0 ? `${amount} ago` : `in ${amount}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Local date and time of day to the second: '2026-11-24 03:05:12'. */
export function dateTime(timeMs: number): string {
	const date = new Date(timeMs);
	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(timeMs)}`;
}

/** Local time of day to the second: '03:05:12'. */
export function clockTime(timeMs: number): string {
	const date = new Date(timeMs);
	return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Local date and time with all nine digits the sender gave: '2026-11-24 03:05:12.123456789'. `timeNs` is decimal nanoseconds since the epoch. */
export function dateTimeNs(timeNs: string): string {
	const ns = BigInt(timeNs);
	const fraction = String(ns % 1_000_000_000n).padStart(9, '0');
	return `${dateTime(Number(ns / 1_000_000n))}.${fraction}`;
}

/** Milliseconds since the epoch of decimal nanoseconds. */
export function msOfNs(timeNs: string): number {
	return Number(BigInt(timeNs) / 1_000_000n);
}

/** 'span' or 'spans' after its count: '1 span', '1.2 k spans'. */
export function counted(value: number, one: string, many = `${one}s`): string {
	return `${text(count(value))} ${value === 1 ? one : many}`;
}

/** A label of a time axis: tenths and seconds only when the axis is short, the day only when it is long. */
export function axisTime(timeMs: number, axisMs: number): string {
	const time = clockTime(timeMs);
	if (axisMs <= 20_000) return `${time}.${Math.floor((timeMs % 1000) / 100)}`;
	if (axisMs <= 600_000) return time;
	if (axisMs <= 86_400_000) return time.slice(0, 5);
	return `${dateTime(timeMs).slice(5, 10)} ${time.slice(0, 5)}`;
}
