/** Traces for tests, written as one line per span: `id parent service name start+duration [error] [kind=n]`. */

import type { TraceResponse } from '../../api/contract.ts';

/** Lines in any order; '-' is no parent. Starts and durations are nanoseconds. */
export function sketch(lines: string): TraceResponse {
	const spans = lines
		.trim()
		.split('\n')
		.map((line) => {
			const [id = '', parent = '', service = '', name = '', time = '', ...more] = line.trim().split(/\s+/);
			const [start = 0, duration = 0] = time.split('+').map(Number);
			const kind = Number(more.find((word) => word.startsWith('kind='))?.slice(5) ?? 1);
			return { id, parent: parent === '-' ? '' : parent, service, name, start, duration, error: more.includes('error'), kind };
		})
		.sort((a, b) => a.start - b.start);
	const services = [...new Set(spans.map((span) => span.service))];
	const names = [...new Set(spans.map((span) => span.name))];
	return {
		traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
		startNs: '1764000000000000000',
		durationNs: Math.max(...spans.map((span) => span.start + span.duration)),
		spanCount: spans.length,
		truncated: false,
		services: services.map((service) => ({ service, language: null })),
		names,
		columns: {
			spanId: spans.map((span) => span.id),
			parentSpanId: spans.map((span) => span.parent),
			service: spans.map((span) => services.indexOf(span.service)),
			name: spans.map((span) => names.indexOf(span.name)),
			kind: spans.map((span) => span.kind),
			status: spans.map((span) => (span.error ? 2 : 0)),
			startOffsetNs: spans.map((span) => span.start),
			durationNs: spans.map((span) => span.duration),
			linkCount: spans.map(() => 0),
		},
		events: { span: [], offsetNs: [], name: [] },
		linkedFrom: [],
		meta: { rowsRead: spans.length, elapsedMs: 1, truncated: false, fromMs: 0, toMs: 0 },
	};
}
