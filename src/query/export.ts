/** Everything of one signal in a time range, cut into windows that fit in memory: for giving back what came in. */

import { LOG_SELECT, METRIC_POINT_SELECT, type SelectList, SPAN_SELECT, selectList } from '../model/otlp-json.ts';
import type { Signal } from '../model/schema.ts';
import { nanosOfMs, type Plan } from './plan.ts';
import type { TimeRange } from './time-range.ts';

interface Source {
	readonly view: string;
	readonly time: string;
	readonly select: SelectList;
}

const SOURCES: Readonly<Record<Signal, Source>> = {
	traces: { view: 'spans', time: 'start_time', select: SPAN_SELECT },
	logs: { view: 'logs', time: 'time', select: LOG_SELECT },
	metrics: { view: 'metric_points', time: 'time', select: METRIC_POINT_SELECT },
};

/** Rows of one answer aimed at; a single busy second may hold more. */
const WINDOW_ROWS = 20_000;

export interface SecondRow {
	/** Seconds since the epoch. */
	readonly second: number;
	readonly rows: number;
}

/** A half-open window `[fromNs, toNs)`. */
export interface ExportWindow {
	readonly fromNs: bigint;
	readonly toNs: bigint;
}

export interface ExportQuestion {
	readonly signal: Signal;
	readonly service: string | undefined;
	readonly range: TimeRange;
}

/** How many rows each second of the range holds. */
export function secondsPlan(question: ExportQuestion): Plan<SecondRow> {
	const { view, time } = SOURCES[question.signal];
	const window = { fromNs: nanosOfMs(question.range.fromMs), toNs: nanosOfMs(question.range.toMs + 1) };
	const { condition, params } = within(time, window, question.service);
	const second = `intDiv(toUnixTimestamp64Nano(${time}), 1000000000)`;
	return { sql: `SELECT ${second} AS second, count() AS rows\nFROM ${view}\nWHERE ${condition}\nGROUP BY second\nORDER BY second`, params };
}

/** Joins neighbouring seconds until a window holds enough rows to be worth a query. */
export function windowsOf(seconds: readonly SecondRow[]): ExportWindow[] {
	const windows: ExportWindow[] = [];
	let first: number | undefined;
	let held = 0;
	for (const [index, { second, rows }] of seconds.entries()) {
		first ??= second;
		held += rows;
		if (held < WINDOW_ROWS && index < seconds.length - 1) continue;
		windows.push({ fromNs: BigInt(first) * 1_000_000_000n, toNs: BigInt(second + 1) * 1_000_000_000n });
		first = undefined;
		held = 0;
	}
	return windows;
}

/** Every record of a window, in the rows `model/otlp-json.ts` turns into a request. */
export function windowPlan<Row>({ signal, service }: ExportQuestion, window: ExportWindow): Plan<Row> {
	const { view, time, select } = SOURCES[signal];
	const { condition, params } = within(time, window, service);
	return { sql: `SELECT ${selectList(select)}\nFROM ${view}\nWHERE ${condition}\nORDER BY ${time}`, params };
}

function within(time: string, window: ExportWindow, service: string | undefined): { condition: string; params: Plan<never>['params'] } {
	const conditions = [`${time} >= fromUnixTimestamp64Nano({fromNs:Int64})`, `${time} < fromUnixTimestamp64Nano({toNs:Int64})`];
	const params: Record<string, string | bigint> = { fromNs: window.fromNs, toNs: window.toNs };
	if (service !== undefined) {
		conditions.push('service_name = {service:String}');
		params.service = service;
	}
	return { condition: conditions.join(' AND '), params };
}
