/** Trace and span ids as people write them: lower-case hex, 32 and 16 digits. */

export type TraceId = string & { readonly __brand: 'TraceId' };
export type SpanId = string & { readonly __brand: 'SpanId' };

/** Accepts either case and, as Jaeger's clients send them, ids without leading zeros; undefined when it is no id or all zero. */
export function parseTraceId(text: string): TraceId | undefined {
	return parseHexId(text, 32) as TraceId | undefined;
}

export function parseSpanId(text: string): SpanId | undefined {
	return parseHexId(text, 16) as SpanId | undefined;
}

function parseHexId(text: string, digits: number): string | undefined {
	if (!/^[0-9a-fA-F]+$/.test(text) || text.length > digits) return undefined;
	const id = text.toLowerCase().padStart(digits, '0');
	return /^0+$/.test(id) ? undefined : id;
}
