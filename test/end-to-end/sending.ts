/** OTLP JSON requests of known content, for tests that count. */

import { randomBytes } from 'node:crypto';

export interface SpanRequest {
	readonly traceId: string;
	readonly spanIds: readonly string[];
	readonly body: string;
}

/** One trace of `spans` spans: a root and its children, now or `agoMs` before. */
export function spanRequest(options: { service: string; spans: number; traceId?: string; agoMs?: number }): SpanRequest {
	const traceId = options.traceId ?? randomBytes(16).toString('hex');
	const spanIds = Array.from({ length: options.spans }, () => randomBytes(8).toString('hex'));
	const nowNs = BigInt(Date.now() - (options.agoMs ?? 0)) * 1_000_000n;
	const spans = spanIds.map((spanId, index) => ({
		traceId,
		spanId,
		...(index === 0 ? {} : { parentSpanId: spanIds[0] }),
		name: index === 0 ? 'probe' : `step ${index % 10}`,
		kind: index === 0 ? 2 : 1,
		startTimeUnixNano: String(nowNs + BigInt(index) * 1000n),
		endTimeUnixNano: String(nowNs + BigInt(index) * 1000n + 500_000n),
		attributes: [
			{ key: 'probe.index', value: { intValue: String(index) } },
			{ key: 'probe.text', value: { stringValue: `value ${index}` } },
		],
	}));
	const body = JSON.stringify({
		resourceSpans: [
			{
				resource: { attributes: [{ key: 'service.name', value: { stringValue: options.service } }] },
				scopeSpans: [{ scope: { name: 'test' }, spans }],
			},
		],
	});
	return { traceId, spanIds, body };
}

/** Nearest-rank quantile of unsorted values. */
export function quantile(values: readonly number[], q: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
