/**
 * Is this UTF-8, and if not, make it so.
 *
 * Protobuf strings must be UTF-8, but senders cut values at a byte limit and copy raw headers. One bad byte is no reason to refuse
 * a request, and bytes that are not UTF-8 would break every reader of JSON after us, so each maximal ill-formed part becomes U+FFFD
 * (the WHATWG and Unicode recommendation, what `TextDecoder` does).
 */

import type { ByteSource } from './byte-buffer.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Text of `bytes[start, end)`, ill-formed parts as U+FFFD. */
export function utf8Text(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
	return decoder.decode(bytes.subarray(start, end));
}

export function utf8Bytes(text: string): Uint8Array<ArrayBuffer> {
	return encoder.encode(text);
}

/** A copy of `bytes[start, end)` with ill-formed parts replaced by U+FFFD. */
export function replaceIllFormed(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
	return encoder.encode(utf8Text(bytes, start, end));
}

/** Whether `source[start, end)` is well-formed UTF-8 (Unicode table 3-7: no surrogates, no overlong forms, nothing past U+10FFFF). */
export function isUtf8(source: ByteSource, start: number, end: number): boolean {
	const { bytes, view } = source;
	let at = start;
	while (at < end) {
		while (at + 4 <= end && (view.getUint32(at) & 0x8080_8080) === 0) at += 4;
		if (at >= end) return true;
		const lead = bytes[at] as number;
		if (lead < 0x80) {
			at++;
			continue;
		}
		const size = sequenceBytes(lead);
		if (size === 0 || at + size > end) return false;
		const second = bytes[at + 1] as number;
		if (second < secondMin(lead) || second > secondMax(lead)) return false;
		for (let i = at + 2; i < at + size; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) return false;
		at += size;
	}
	return true;
}

function sequenceBytes(lead: number): number {
	if (lead < 0xc2) return 0;
	if (lead < 0xe0) return 2;
	if (lead < 0xf0) return 3;
	return lead < 0xf5 ? 4 : 0;
}

function secondMin(lead: number): number {
	if (lead === 0xe0) return 0xa0;
	return lead === 0xf0 ? 0x90 : 0x80;
}

function secondMax(lead: number): number {
	if (lead === 0xed) return 0x9f;
	return lead === 0xf4 ? 0x8f : 0xbf;
}
