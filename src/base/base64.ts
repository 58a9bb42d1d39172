/** Base64 between byte buffers, without a string in between: bytes values of attributes, in and out of JSON. */

import type { ByteBuffer } from './byte-buffer.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;
const DIGIT = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));
const INVALID = 0xff;
const VALUE = buildValues();

function buildValues(): Uint8Array {
	const values = new Uint8Array(256).fill(INVALID);
	DIGIT.forEach((char, value) => {
		values[char] = value;
	});
	values['-'.charCodeAt(0)] = 62;
	values['_'.charCodeAt(0)] = 63;
	return values;
}

/** Appends the standard, padded form of `bytes[start, end)`. */
export function appendBase64(out: ByteBuffer, bytes: Uint8Array, start: number, end: number): void {
	out.reserve(Math.ceil((end - start) / 3) * 4);
	const target = out.bytes;
	let to = out.length;
	let at = start;
	for (; at + 3 <= end; at += 3) {
		const word = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
		target[to++] = DIGIT[word >>> 18] as number;
		target[to++] = DIGIT[(word >>> 12) & 63] as number;
		target[to++] = DIGIT[(word >>> 6) & 63] as number;
		target[to++] = DIGIT[word & 63] as number;
	}
	if (at < end) {
		const two = at + 1 < end;
		const word = ((bytes[at] as number) << 16) | (two ? (bytes[at + 1] as number) << 8 : 0);
		target[to++] = DIGIT[word >>> 18] as number;
		target[to++] = DIGIT[(word >>> 12) & 63] as number;
		target[to++] = two ? (DIGIT[(word >>> 6) & 63] as number) : PAD;
		target[to++] = PAD;
	}
	out.length = to;
}

/** Appends the bytes of base64 text, standard or URL-safe, padded or not (as ProtoJSON accepts it); false when it is neither. */
export function appendFromBase64(out: ByteBuffer, text: Uint8Array, start: number, end: number): boolean {
	let last = end;
	while (last > start && end - last < 2 && text[last - 1] === PAD) last--;
	if (((last - start) & 3) === 1 || (last < end && ((end - start) & 3) !== 0)) return false;
	out.reserve(Math.ceil((last - start) / 4) * 3);
	let word = 0;
	let bits = 0;
	for (let at = start; at < last; at++) {
		const value = VALUE[text[at] as number] as number;
		if (value === INVALID) return false;
		word = ((word << 6) | value) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out.bytes[out.length++] = (word >>> bits) & 0xff;
		}
	}
	return true;
}
