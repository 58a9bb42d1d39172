/** The logs of a trace, found by span: where their dots stand and which the dock lists. */

import type { LogRecord } from '../../api/contract.ts';
import type { TraceModel } from './model.ts';

export interface LogsOfSpans {
	/** By node: nanoseconds from the start of the trace, ascending. */
	readonly offsets: ReadonlyMap<number, readonly number[]>;
	readonly records: ReadonlyMap<number, readonly LogRecord[]>;
}

export function groupLogs(model: TraceModel, logs: readonly LogRecord[]): LogsOfSpans {
	const start = BigInt(model.response.startNs);
	const records = new Map<number, LogRecord[]>();
	const offsets = new Map<number, number[]>();
	for (const log of logs) {
		const node = model.nodeOfSpan.get(log.spanId);
		if (node === undefined) continue;
		append(records, node, log);
		append(offsets, node, offsetNs(start, log.timeNs));
	}
	for (const list of offsets.values()) list.sort((a, b) => a - b);
	return { offsets, records };
}

/** Nanoseconds from `start`; exact below 2^53, which is 104 days. */
export function offsetNs(start: bigint, timeNs: string): number {
	return Number(BigInt(timeNs) - start);
}

export type Severity = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'unset';

/** OTLP severity numbers come in groups of four from 1 on. */
export function severityOf(severityNumber: number): Severity {
	if (severityNumber < 1 || severityNumber > 24) return 'unset';
	return (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)[Math.floor((severityNumber - 1) / 4)] ?? 'unset';
}

function append<T>(lists: Map<number, T[]>, key: number, value: T): void {
	const list = lists.get(key);
	if (list === undefined) lists.set(key, [value]);
	else list.push(value);
}
