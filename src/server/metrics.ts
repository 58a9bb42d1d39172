/** The platform's own numbers, collected by prom-client and served at `/metrics`. */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Labels, Metrics } from '../base/metrics.ts';

export interface CollectedMetrics extends Metrics {
	/** The Prometheus exposition text. */
	text(): Promise<string>;
	/** The current samples of a counter or gauge; none when nothing of that name was counted yet. */
	read(name: string): Promise<readonly Sample[]>;
	/** Reads `value` whenever the metrics are asked for. */
	observed(name: string, help: string, kind: 'gauge' | 'counter', value: () => number): void;
	/** The same for a family of series. */
	observedSeries(
		name: string,
		help: string,
		kind: 'gauge' | 'counter',
		labelNames: readonly string[],
		series: () => Iterable<Sample>,
	): void;
}

export interface Sample {
	readonly labels: Labels;
	readonly value: number;
}

export function collectMetrics(): CollectedMetrics {
	const registry = new Registry();
	collectDefaultMetrics({ register: registry, prefix: 'throughline_' });
	const once = <T>(name: string, create: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? create();
	const common = (name: string, help: string, labelNames: readonly string[] = []) => ({
		name,
		help,
		labelNames: [...labelNames],
		registers: [registry],
	});
	return {
		counter(name, help, labelNames) {
			const counter = once(name, () => new Counter(common(name, help, labelNames)));
			return { add: (count, labels = {}) => counter.inc({ ...labels }, count) };
		},
		gauge(name, help, labelNames) {
			const gauge = once(name, () => new Gauge(common(name, help, labelNames)));
			return { set: (value, labels = {}) => gauge.set({ ...labels }, value) };
		},
		histogram(name, help, buckets, labelNames) {
			const histogram = once(name, () => new Histogram({ ...common(name, help, labelNames), buckets: [...buckets] }));
			return { observe: (value, labels = {}) => histogram.observe({ ...labels }, value) };
		},
		observed(name, help, kind, value) {
			this.observedSeries(name, help, kind, [], () => [{ labels: {}, value: value() }]);
		},
		observedSeries(name, help, kind, labelNames, series) {
			if (kind === 'gauge') {
				new Gauge({
					...common(name, help, labelNames),
					collect() {
						for (const { labels, value } of series()) this.set({ ...labels }, value);
					},
				});
				return;
			}
			new Counter({
				...common(name, help, labelNames),
				collect() {
					this.reset();
					for (const { labels, value } of series()) this.inc({ ...labels }, value);
				},
			});
		},
		async read(name) {
			const found = await registry.getSingleMetric(name)?.get();
			return (found?.values ?? []).map(({ labels, value }) => ({ labels: labels as Labels, value }));
		},
		text: () => registry.metrics(),
	};
}
