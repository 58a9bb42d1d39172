/** The way in: a request's bytes into the columns of a block. */

import type { Block } from '../model/block.ts';
import type { Signal } from '../model/schema.ts';
import type { Decoder } from './decoder.ts';
import { LogDecoder } from './logs.ts';
import { MetricDecoder } from './metrics.ts';
import type { DecodeResult, Encoding } from './result.ts';
import { TraceDecoder } from './traces.ts';

export type { Decoder } from './decoder.ts';

/** A decoder into `block`, which has the columns of that signal. Keep it as long as the block: it remembers resources and shapes. */
export function createDecoder(signal: Signal, block: Block): Decoder {
	switch (signal) {
		case 'traces':
			return new TraceDecoder(block);
		case 'logs':
			return new LogDecoder(block);
		case 'metrics':
			return new MetricDecoder(block);
	}
}

/** One decoder a block, for as long as the block lives. */
const decoders = new WeakMap<Block, Decoder>();

/**
 * Appends the records of `body`, an inflated `Export*ServiceRequest`, to `block`. `receivedMs` is the time of receipt (epoch). The body
 * is not kept. Throws `Failure` `malformed` or `too_large`; the block is then as it was before.
 */
export function decode(signal: Signal, body: Uint8Array, encoding: Encoding, block: Block, receivedMs: number): DecodeResult {
	let decoder = decoders.get(block);
	if (decoder === undefined) {
		decoder = createDecoder(signal, block);
		decoders.set(block, decoder);
	}
	return decoder.decode(body, encoding, receivedMs);
}
