/** The platform's own numbers, collected by prom-client and served at `/metrics`. */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../base/metrics.ts';

export interface CollectedMetrics extends Metrics {
	/** The Prometheus exposition text. */
	text(): Promise<string>;
	/** Reads `value` whenever the metrics are asked for. */
	observed(name: string, help: string, kind: 'gauge' | 'counter', value: () => number): void;
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
			if (kind === 'gauge') {
				new Gauge({
					...common(name, help),
					collect() {
						this.set(value());
					},
				});
				return;
			}
			new Counter({
				...common(name, help),
				collect() {
					this.reset();
					this.inc(value());
				},
			});
		},
		text: () => registry.metrics(),
	};
}
