/** All services together: their series share steps, so they can be added. */

import type { ServiceSummary } from '../../../api/contract.ts';

export interface Totals {
	readonly startMs: number;
	readonly stepMs: number;
	/** Per second, one for each step. */
	readonly rate: readonly number[];
	/** 0 to 1, one for each step; 0 where there was no call. */
	readonly errorRatio: readonly number[];
	readonly calls: number;
	readonly errors: number;
	readonly callsPerSecond: number;
}

/** Undefined without services or steps. */
export function totalsOf(services: readonly ServiceSummary[]): Totals | undefined {
	const series = services[0]?.series;
	if (series === undefined || series.calls.length === 0 || series.stepMs <= 0) return undefined;
	const { startMs, stepMs } = series;
	const calls = series.calls.map((_, step) => sum(services.map((service) => service.series.calls[step] ?? 0)));
	const errors = series.calls.map((_, step) => sum(services.map((service) => service.series.errors[step] ?? 0)));
	return {
		startMs,
		stepMs,
		rate: calls.map((value) => value / (stepMs / 1000)),
		errorRatio: errors.map((value, step) => value / Math.max(calls[step] ?? 0, 1)),
		calls: sum(services.map((service) => service.calls)),
		errors: sum(services.map((service) => service.errors)),
		callsPerSecond: sum(services.map((service) => service.callsPerSecond)),
	};
}

function sum(values: readonly number[]): number {
	return values.reduce((total, value) => total + value, 0);
}
