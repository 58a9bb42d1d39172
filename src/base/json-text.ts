/** Writes JSON straight into bytes, for texts that never need to exist as JavaScript strings. */

import type { ByteBuffer, ByteSource } from './byte-buffer.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = Uint8Array.from('0123456789abcdef', (char) => char.charCodeAt(0));

/** Appends `source[start, end)`, which is UTF-8, as a JSON string with its quotes. */
export function appendJsonString(out: ByteBuffer, source: ByteSource, start: number, end: number): void {
	// At worst every byte becomes \u00xx.
	out.reserve((end - start) * 6 + 2);
	const target = out.bytes;
	let to = out.length;
	target[to++] = QUOTE;
	for (let at = start; at < end; at++) {
		const byte = source.bytes[at] as number;
		if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
			target[to++] = byte;
			continue;
		}
		target[to++] = BACKSLASH;
		if (byte >= 0x20) {
			target[to++] = byte;
			continue;
		}
		target[to++] = 0x75;
		target[to++] = 0x30;
		target[to++] = 0x30;
		target[to++] = HEX[byte >> 4] as number;
		target[to++] = HEX[byte & 15] as number;
	}
	target[to++] = QUOTE;
	out.length = to;
}

/** Appends the shortest text that reads back as the same double; `NaN`, `Infinity`, `-Infinity` and `-0` by these names. */
export function appendDouble(out: ByteBuffer, value: number): void {
	out.ascii(Object.is(value, -0) ? '-0' : String(value));
}

/** As `appendDouble`, with quotes around what is no JSON number, as ProtoJSON has it. */
export function appendJsonDouble(out: ByteBuffer, value: number): void {
	out.ascii(Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : String(value)) : `"${value}"`);
}
