/**
 * Deterministic telemetry for the fixture API: a shop of Go and Rust services. Everything follows from a seed and the time the
 * fixture is asked about, so that a failing browser test fails the same way again.
 */

import type { LogRecord, SpanDetail, TraceResponse, TraceSummary } from '../../src/api/contract.ts';
import { fnv1a } from '../../src/ui/widgets/service-color.ts';

export interface FixtureSpan {
	readonly spanId: string;
	readonly parentSpanId: string;
	readonly service: string;
	readonly name: string;
	/** OTLP number. */
	readonly kind: number;
	readonly status: 0 | 1 | 2;
	readonly statusMessage: string;
	readonly startOffsetNs: number;
	readonly durationNs: number;
	readonly attributes: Readonly<Record<string, string | number | boolean>>;
	readonly events: readonly { readonly name: string; readonly offsetNs: number; readonly attributes: Readonly<Record<string, string>> }[];
	readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface FixtureTrace {
	readonly traceId: string;
	readonly startMs: number;
	readonly spans: readonly FixtureSpan[];
	readonly logs: readonly LogRecord[];
	readonly linkedFrom: TraceResponse['linkedFrom'];
}

export const LANGUAGE: Readonly<Record<string, string>> = {
	gateway: 'go',
	inventory: 'go',
	notifier: 'go',
	orders: 'rust',
	pricing: 'rust',
	worker: 'rust',
};

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

/** Numbers in [0, 1) from a seed: mulberry32. */
export function random(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}

/** A 16-digit id that follows from its text. */
export function spanIdOf(text: string): string {
	return fnv1a(text).toString(16).padStart(8, '0') + fnv1a(`${text}!`).toString(16).padStart(8, '0');
}

export function traceIdOf(text: string): string {
	return spanIdOf(text) + spanIdOf(`${text}?`);
}

export function summaryOf(trace: FixtureTrace): TraceSummary {
	const root = trace.spans.find((span) => span.parentSpanId === '') ?? trace.spans[0];
	const services = new Map<string, { service: string; spanCount: number; errorCount: number }>();
	for (const span of trace.spans) {
		const counts = services.get(span.service) ?? { service: span.service, spanCount: 0, errorCount: 0 };
		counts.spanCount++;
		if (span.status === 2) counts.errorCount++;
		services.set(span.service, counts);
	}
	return {
		traceId: trace.traceId,
		startNs: startNs(trace),
		durationNs: Math.max(...trace.spans.map((span) => span.startOffsetNs + span.durationNs)),
		spanCount: trace.spans.length,
		errorCount: trace.spans.filter((span) => span.status === 2).length,
		rootService: root?.service ?? '',
		rootName: root?.name ?? '',
		rootMissing: root?.parentSpanId !== '',
		services: [...services.values()],
	};
}

export function startNs(trace: FixtureTrace): string {
	return String(BigInt(trace.startMs) * 1_000_000n + 123_456n);
}

export function responseOf(trace: FixtureTrace): TraceResponse {
	const spans = trace.spans.toSorted((a, b) => a.startOffsetNs - b.startOffsetNs);
	const services = [...new Set(spans.map((span) => span.service))];
	const events = spans.flatMap((span, row) => span.events.map((event) => ({ row, event, offset: span.startOffsetNs + event.offsetNs })));
	const nameIndex = new Map<string, number>();
	const indexOf = (name: string): number => {
		const known = nameIndex.get(name);
		if (known !== undefined) return known;
		nameIndex.set(name, nameIndex.size);
		return nameIndex.size - 1;
	};
	const columns = {
		spanId: spans.map((span) => span.spanId),
		parentSpanId: spans.map((span) => span.parentSpanId),
		service: spans.map((span) => services.indexOf(span.service)),
		name: spans.map((span) => indexOf(span.name)),
		kind: spans.map((span) => span.kind),
		status: spans.map((span) => span.status),
		startOffsetNs: spans.map((span) => span.startOffsetNs),
		durationNs: spans.map((span) => span.durationNs),
		linkCount: spans.map((span) => span.links.length),
	};
	const eventColumns = {
		span: events.map(({ row }) => row),
		offsetNs: events.map(({ offset }) => offset),
		name: events.map(({ event }) => indexOf(event.name)),
	};
	return {
		traceId: trace.traceId,
		startNs: startNs(trace),
		durationNs: Math.max(...spans.map((span) => span.startOffsetNs + span.durationNs)),
		spanCount: spans.length,
		truncated: false,
		services: services.map((service) => ({ service, language: LANGUAGE[service] ?? null })),
		names: [...nameIndex.keys()],
		columns,
		events: eventColumns,
		linkedFrom: [...trace.linkedFrom],
		meta: { rowsRead: spans.length, elapsedMs: 2.4, truncated: false, fromMs: trace.startMs, toMs: trace.startMs + 1000 },
	};
}

const typed = (attributes: Readonly<Record<string, string | number | boolean>>): SpanDetail['attributes'] =>
	Object.entries(attributes).map(([key, value]) => ({
		key,
		type: typeof value === 'number' ? 'int' : typeof value === 'boolean' ? 'bool' : 'string',
		value: String(value),
	}));

export function detailOf(trace: FixtureTrace, span: FixtureSpan): SpanDetail {
	const start = BigInt(startNs(trace)) + BigInt(span.startOffsetNs);
	return {
		traceId: trace.traceId,
		spanId: span.spanId,
		parentSpanId: span.parentSpanId,
		traceState: '',
		flags: 257,
		service: span.service,
		name: span.name,
		kind: KINDS[span.kind] ?? 'unspecified',
		startNs: String(start),
		durationNs: span.durationNs,
		statusCode: (['unset', 'ok', 'error'] as const)[span.status],
		statusMessage: span.statusMessage,
		attributes: [
			...typed(span.attributes),
			{ key: 'shop.skus', type: 'array', value: '{"values":[{"stringValue":"sku-001"},{"stringValue":"sku-007"},{"intValue":"3"}]}' },
		],
		droppedAttributes: 0,
		resource: typed({
			'service.name': span.service,
			'service.version': '1.4.2',
			'service.instance.id': spanIdOf(span.service),
			'deployment.environment.name': 'production',
			'telemetry.sdk.language': LANGUAGE[span.service] ?? 'unknown',
			'telemetry.sdk.name': 'opentelemetry',
			'host.name': `${span.service}-7d9f`,
			'process.pid': 4217,
			'os.type': 'linux',
		}),
		scope: { name: LANGUAGE[span.service] === 'go' ? 'throughline.dev/kits/go' : 'throughline', version: '0.1.0', attributes: [] },
		events: span.events.map((event) => ({
			timeNs: String(start + BigInt(event.offsetNs)),
			name: event.name,
			attributes: typed(event.attributes),
			droppedAttributes: 0,
		})),
		droppedEvents: 0,
		links: span.links.map((link) => ({ ...link, traceState: '', attributes: typed({ 'messaging.message.id': link.spanId.slice(0, 6) }) })),
		droppedLinks: 0,
	};
}
