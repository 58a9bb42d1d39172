/** What a sender sent, as OTLP JSON, by a decoder that is not ours (protobufjs). */

import { REQUEST_TYPE } from '../otlp/reference.ts';
import type { Captured } from './tee.ts';

/** The request as OTLP JSON, whichever encoding it came in. */
export function decodeReference({ signal, encoding, body }: Pick<Captured, 'signal' | 'encoding' | 'body'>): unknown {
	// OTLP: unknown fields are ignored; the payloads of these tests call theirs by that name.
	if (encoding === 'json')
		return JSON.parse(Buffer.from(body).toString(), (key, value: unknown) => (key === 'unknownField' ? undefined : value));
	const type = REQUEST_TYPE[signal];
	return hexIds(type.toObject(type.decode(body), { longs: String, bytes: String, enums: Number }));
}

/** protobufjs writes all bytes as base64; OTLP JSON writes ids as hex. */
function hexIds(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(hexIds);
	if (typeof value !== 'object' || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([key, child]) => [
			key,
			/^(traceId|spanId|parentSpanId)$/.test(key) ? Buffer.from(String(child), 'base64').toString('hex') : hexIds(child),
		]),
	);
}
