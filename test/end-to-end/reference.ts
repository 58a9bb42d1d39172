/** What a sender sent, as OTLP JSON in one form, by a decoder that is not ours. */

import { referenceJson } from '../otlp/canonical.ts';
import { encodeRequest } from '../otlp/reference.ts';
import type { Captured } from './tee.ts';

type Request = Pick<Captured, 'signal' | 'encoding' | 'body'>;

/** The request as OTLP JSON, whichever encoding it came in; JSON goes through protobuf, so that numbers and defaults look the same. */
export function decodeReference({ signal, encoding, body }: Request): Record<string, unknown> {
	return referenceJson(
		signal,
		encoding === 'protobuf' ? body : encodeRequest(signal, JSON.parse(Buffer.from(body).toString(), idBytes) as object),
	);
}

function idBytes(key: string, value: unknown): unknown {
	return /^(traceId|spanId|parentSpanId)$/.test(key) && typeof value === 'string' ? Buffer.from(value, 'hex') : value;
}
