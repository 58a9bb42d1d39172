/**
 * What the fault run sends: requests encoded once, whose ids and times are written over for every send, so that a sender costs next to
 * nothing beside the platform. The ids can be counted: trace number `n` is known by its bytes, and so are its ten spans.
 *
 * ```
 * trace id   0  8  the run's own
 *            8  8  number of the trace, big-endian
 * span id    0  4  low half of that number, big-endian
 *            4  3  the run's own
 *            7  1  place in the trace, 0 to 9
 * ```
 */

import { traceRequests } from '../../bench/decode/requests.ts';

export const SPANS_PER_TRACE = 10;
export const TRACES_PER_REQUEST = 50;
export const RUN_BYTES = 8;

/** Where things stand in an encoded span; -1 when it has none. */
interface SpanPlaces {
	traceId: number;
	spanId: number;
	parentSpanId: number;
	start: number;
	end: number;
}

export interface Template {
	readonly bytes: Buffer;
	readonly spans: readonly SpanPlaces[];
}

/** `count` requests of `TRACES_PER_REQUEST` whole traces: spans of about 490 bytes with 11 attributes. */
export function templates(count: number, seed: number): Template[] {
	return traceRequests(count, TRACES_PER_REQUEST * SPANS_PER_TRACE, seed).map((request) => {
		const bytes = Buffer.from(request);
		const spans: SpanPlaces[] = [];
		// ExportTraceServiceRequest.resource_spans = 1, ResourceSpans.scope_spans = 2, ScopeSpans.spans = 2
		for (const resourceSpans of fields(bytes, 0, bytes.length, 1))
			for (const scopeSpans of fields(bytes, ...resourceSpans, 2))
				for (const span of fields(bytes, ...scopeSpans, 2)) spans.push(placesIn(bytes, ...span));
		return { bytes, spans };
	});
}

/** Writes the request `template` into `target` as traces `firstTrace` and following, beginning at `startMs`. */
export function fill(target: Buffer, template: Template, run: Uint8Array, firstTrace: number, startMs: number): Buffer {
	const { bytes, spans } = template;
	bytes.copy(target);
	const startNs = BigInt(startMs) * 1_000_000n;
	for (const [index, places] of spans.entries()) {
		const trace = firstTrace + Math.floor(index / SPANS_PER_TRACE);
		target.set(run, places.traceId);
		target.writeBigUInt64BE(BigInt(trace), places.traceId + RUN_BYTES);
		writeSpanId(target, places.spanId, run, trace, index % SPANS_PER_TRACE);
		if (places.parentSpanId >= 0) writeSpanId(target, places.parentSpanId, run, trace, 0);
		const durationNs = bytes.readBigUInt64LE(places.end) - bytes.readBigUInt64LE(places.start);
		const spanStartNs = startNs + BigInt(index) * 1_000n;
		target.writeBigUInt64LE(spanStartNs, places.start);
		target.writeBigUInt64LE(spanStartNs + durationNs, places.end);
	}
	return target.subarray(0, bytes.length);
}

function writeSpanId(target: Buffer, at: number, run: Uint8Array, trace: number, place: number): void {
	target.writeUInt32BE(trace % 2 ** 32, at);
	target.set(run.subarray(0, 3), at + 4);
	target[at + 7] = place;
}

function placesIn(bytes: Buffer, from: number, to: number): SpanPlaces {
	const places: SpanPlaces = { traceId: -1, spanId: -1, parentSpanId: -1, start: -1, end: -1 };
	const names = { 1: 'traceId', 2: 'spanId', 4: 'parentSpanId', 7: 'start', 8: 'end' } as const;
	for (const field of walk(bytes, from, to)) {
		const name = names[field.number as keyof typeof names];
		if (name !== undefined) places[name] = field.from;
	}
	return places;
}

function fields(bytes: Buffer, from: number, to: number, number: number): [from: number, to: number][] {
	return [...walk(bytes, from, to)].filter((field) => field.number === number).map((field) => [field.from, field.to]);
}

/** The fields of the protobuf message at `[from, to)`, contents only. */
function* walk(bytes: Buffer, from: number, to: number): Generator<{ number: number; from: number; to: number }> {
	let at = from;
	const varint = (): number => {
		let value = 0;
		for (let scale = 1; ; scale *= 128) {
			const byte = bytes[at++] as number;
			value += (byte & 0x7f) * scale;
			if (byte < 0x80) return value;
		}
	};
	while (at < to) {
		const tag = varint();
		const type = tag % 8;
		let length = 0;
		if (type === 0) varint();
		else length = type === 1 ? 8 : type === 5 ? 4 : varint();
		yield { number: Math.floor(tag / 8), from: at, to: at + length };
		at += length;
	}
}
