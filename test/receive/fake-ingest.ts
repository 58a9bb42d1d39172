/** A made-up end of the receiving path: it remembers bodies and answers as it is told. */

import type { Log } from '../../src/base/log.ts';
import type { Labels, Metrics } from '../../src/base/metrics.ts';
import type { Signal } from '../../src/model/schema.ts';
import type { Encoding, ExportResult, Ingest } from '../../src/receive/ingest.ts';

export class FakeIngest implements Ingest {
	readonly received: { signal: Signal; encoding: Encoding; body: string }[] = [];
	/** What the next exports do. */
	respond: () => Promise<ExportResult> | ExportResult = () => ({ accepted: 1, rejected: 0, message: '' });

	async export(signal: Signal, encoding: Encoding, body: Uint8Array): Promise<ExportResult> {
		this.received.push({ signal, encoding, body: Buffer.from(body).toString('latin1') });
		return this.respond();
	}
}

/** Counters by name and labels, e.g. `throughline_receive_requests_total{signal=traces,...}`. */
export class FakeMetrics implements Metrics {
	readonly values = new Map<string, number>();

	counter(name: string): { add(count: number, labels?: Labels): void } {
		return { add: (count, labels) => this.#add(name, labels, count) };
	}

	gauge(name: string): { set(value: number, labels?: Labels): void } {
		return { set: (value) => void this.values.set(name, value) };
	}

	histogram(name: string): { observe(value: number, labels?: Labels): void } {
		return { observe: (_value, labels) => this.#add(name, labels, 1) };
	}

	#add(name: string, labels: Labels | undefined, count: number): void {
		const key = `${name}{${Object.entries(labels ?? {})
			.map(([label, value]) => `${label}=${value}`)
			.join(',')}}`;
		this.values.set(key, (this.values.get(key) ?? 0) + count);
	}
}

export class FakeLog implements Log {
	readonly lines: { level: string; fields: object; message: string }[] = [];
	debug(): void {}
	info(): void {}

	warn(fields: object, message: string): void {
		this.lines.push({ level: 'warn', fields, message });
	}

	error(fields: object, message: string): void {
		this.lines.push({ level: 'error', fields, message });
	}

	child(): Log {
		return this;
	}
}
