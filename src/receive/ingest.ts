/** What the receivers hand a request to. The server composes it from decoder, pipeline, encoder and buffer. */

import type { Signal } from '../model/schema.ts';

export type Encoding = 'protobuf' | 'json';

export interface ExportResult {
	/** Spans, log records or data points now durable. */
	readonly accepted: number;
	/** Records refused one by one; the rest of the request is kept. */
	readonly rejected: number;
	/** Why, in English, for `partial_success.error_message`; '' when nothing was rejected. */
	readonly message: string;
}

export interface Ingest {
	/**
	 * Resolves after the request's records are on disk (fsync). `body` is the inflated OTLP message; it is read before the call returns, and
	 * its memory may be used for something else from then on.
	 * Throws `Failure`: `malformed` (nothing of the request is kept), `overloaded` or `unavailable` (retry, see `retryAfterMs`).
	 */
	export(signal: Signal, encoding: Encoding, body: Uint8Array): Promise<ExportResult>;
}
