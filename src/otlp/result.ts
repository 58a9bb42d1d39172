/** What decoding a request comes to, and the two encodings OTLP travels in. */

import type { Rejection } from './rejections.ts';

export type Encoding = 'protobuf' | 'json';

export interface DecodeResult {
	/** Spans, log records or data points now in the block. */
	readonly accepted: number;
	/** Records refused one by one; the rest of the request is kept. */
	readonly rejected: number;
	/** The same by reason. */
	readonly rejections: ReadonlyMap<Rejection['code'], number>;
	/** Why, in English, for `partial_success.error_message`; '' when nothing was rejected. */
	readonly message: string;
}
