import { Failure } from '../../base/errors.ts';
import type { Signal } from '../../model/schema.ts';
export function transcodeJson(signal: Signal, body: Uint8Array): Uint8Array {
	throw new Failure('unsupported', `OTLP/JSON ${signal} ${body.length}`);
}
