/**
 * What a part says about itself in numbers, without knowing who collects them. Names follow Prometheus: `throughline_` first,
 * base units (seconds, bytes), `_total` on counters. Asking twice for the same name gives the same instrument.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
	/** Adds `count` >= 0. */
	add(count: number, labels?: Labels): void;
}

export interface Gauge {
	set(value: number, labels?: Labels): void;
}

export interface Histogram {
	observe(value: number, labels?: Labels): void;
}

export interface Metrics {
	counter(name: string, help: string, labelNames?: readonly string[]): Counter;
	gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
	/** `buckets`: ascending upper bounds in the unit of the name. */
	histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram;
}

/** Counts nothing. */
export const noMetrics: Metrics = {
	counter: () => ({ add() {} }),
	gauge: () => ({ set() {} }),
	histogram: () => ({ observe() {} }),
};
