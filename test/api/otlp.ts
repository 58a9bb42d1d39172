/** OTLP JSON written briefly: what a test does not say is left out or follows from what it says. */

export type Value = string | number | boolean | bigint | Uint8Array | null | readonly Value[] | { readonly [key: string]: Value };

export interface TestSpan {
	/** Anything; made into 32 hex digits. */
	readonly trace: string;
	readonly id: string;
	readonly parent?: string;
	readonly service?: string;
	readonly name?: string;
	/** OTLP number; 2 server. */
	readonly kind?: number;
	/** Milliseconds since the epoch; fractions allowed. */
	readonly startMs: number;
	readonly durationMs?: number;
	readonly error?: string;
	readonly attributes?: Readonly<Record<string, Value>>;
	readonly resource?: Readonly<Record<string, Value>>;
	readonly events?: readonly { readonly name: string; readonly atMs: number; readonly attributes?: Readonly<Record<string, Value>> }[];
	readonly links?: readonly { readonly trace: string; readonly id: string; readonly attributes?: Readonly<Record<string, Value>> }[];
	/** More fields of the OTLP span, as they are. */
	readonly more?: object;
}

/** The start of a whole hour some hours ago: recent enough to lie in the partition of its own hour. */
export function hoursAgo(hours: number): number {
	return Math.floor(Date.now() / 3_600_000 - hours) * 3_600_000;
}

export function traceId(name: string): string {
	return /^[0-9a-f]{32}$/.test(name) ? name : hex(name, 32);
}

export function spanId(name: string): string {
	return /^[0-9a-f]{16}$/.test(name) ? name : hex(name, 16);
}

export function nanos(ms: number): string {
	return String(BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms % 1) * 1e6)));
}

/** Spans in one request, grouped by resource. */
export function traces(...spans: readonly TestSpan[]): object {
	const groups = Map.groupBy(spans, (span) => JSON.stringify({ 'service.name': span.service ?? 'shop', ...span.resource }));
	return {
		resourceSpans: [...groups].map(([resource, members]) => ({
			resource: { attributes: keyValues(JSON.parse(resource) as Record<string, Value>) },
			scopeSpans: [{ scope: { name: 'test', version: '1' }, spans: members.map(spanJson) }],
		})),
	};
}

function spanJson(span: TestSpan): object {
	return {
		traceId: traceId(span.trace),
		spanId: spanId(span.id),
		...(span.parent === undefined ? {} : { parentSpanId: spanId(span.parent) }),
		name: span.name ?? 'work',
		kind: span.kind ?? 2,
		startTimeUnixNano: nanos(span.startMs),
		endTimeUnixNano: nanos(span.startMs + (span.durationMs ?? 1)),
		...(span.error === undefined ? {} : { status: { code: 2, message: span.error } }),
		attributes: keyValues(span.attributes ?? {}),
		events: (span.events ?? []).map((event) => ({
			name: event.name,
			timeUnixNano: nanos(event.atMs),
			attributes: keyValues(event.attributes ?? {}),
		})),
		links: (span.links ?? []).map((link) => ({
			traceId: traceId(link.trace),
			spanId: spanId(link.id),
			attributes: keyValues(link.attributes ?? {}),
		})),
		...span.more,
	};
}

export function keyValues(attributes: Readonly<Record<string, Value>>): object[] {
	return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: Value): object {
	if (value === null) return {};
	if (typeof value === 'string') return { stringValue: value };
	if (typeof value === 'boolean') return { boolValue: value };
	if (typeof value === 'bigint') return { intValue: String(value) };
	if (typeof value === 'number')
		return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: Number.isFinite(value) ? value : String(value) };
	if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
	if (Array.isArray(value)) return { arrayValue: { values: (value as readonly Value[]).map(anyValue) } };
	return { kvlistValue: { values: keyValues(value as Readonly<Record<string, Value>>) } };
}

function hex(name: string, digits: number): string {
	return Buffer.from(name).toString('hex').padStart(digits, '0').slice(-digits);
}
