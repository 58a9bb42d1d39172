/** Writes JSON straight into bytes, for texts that never need to exist as JavaScript strings. */

import type { ByteBuffer, ByteSource } from './byte-buffer.ts';
import { appendDecimal64 } from './int64.ts';

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
	const thousandths = value * 1000;
	const whole = thousandths | 0;
	// Most doubles in telemetry have few decimals. A decimal of at most 15 digits that reads back equal is the shortest one there is.
	if (whole === thousandths && whole / 1000 === value && !Object.is(value, -0)) appendThousandths(out, whole);
	else out.ascii(Object.is(value, -0) ? '-0' : String(value));
}

/** As `appendDouble`, with quotes around what is no JSON number, as ProtoJSON has it, and around -0, which JavaScript writes as 0. */
export function appendJsonDouble(out: ByteBuffer, value: number): void {
	const quote = !Number.isFinite(value) || Object.is(value, -0);
	if (quote) out.byte(QUOTE);
	appendDouble(out, value);
	if (quote) out.byte(QUOTE);
}

/** `thousandths / 1000` without trailing zeros. */
function appendThousandths(out: ByteBuffer, thousandths: number): void {
	const magnitude = Math.abs(thousandths);
	const integer = (magnitude / 1000) | 0;
	const fraction = magnitude - integer * 1000;
	if (thousandths < 0) out.byte(0x2d);
	appendDecimal64(out, integer, 0);
	if (fraction === 0) return;
	out.reserve(4);
	const { bytes } = out;
	const tenths = (fraction / 100) | 0;
	const hundredths = ((fraction / 10) | 0) - tenths * 10;
	const last = fraction % 10;
	bytes[out.length++] = 0x2e;
	bytes[out.length++] = 0x30 + tenths;
	if ((hundredths | last) !== 0) bytes[out.length++] = 0x30 + hundredths;
	if (last !== 0) bytes[out.length++] = 0x30 + last;
}
