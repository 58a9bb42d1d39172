/**
 * 64-bit integers as two 32-bit halves, because a `bigint` per value is an allocation per value.
 * `lo` and `hi` are the low and high halves of the two's complement bits, signed or unsigned, as they come.
 */

import type { ByteBuffer } from './byte-buffer.ts';

/** ceil(log10(2^63)) digits and a sign. */
const DECIMAL_BYTES_MAX = 20;
const TWO_32 = 0x1_0000_0000;

export function toBigInt64(lo: number, hi: number): bigint {
	return (BigInt(hi | 0) << 32n) | BigInt(lo >>> 0);
}

export function toBigUint64(lo: number, hi: number): bigint {
	return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** The signed value as a double, rounded where 53 bits do not hold it. */
export function toNumber64(lo: number, hi: number): number {
	return (hi | 0) * TWO_32 + (lo >>> 0);
}

/** Appends the decimal text of the signed value. */
export function appendDecimal64(out: ByteBuffer, lo: number, hi: number): void {
	if (hi === 0 && lo >= 0 && lo < 10) {
		out.byte(0x30 + lo);
		return;
	}
	const value = toNumber64(lo, hi);
	if (!Number.isSafeInteger(value)) {
		out.ascii(toBigInt64(lo, hi).toString());
		return;
	}
	out.reserve(DECIMAL_BYTES_MAX);
	if (value < 0) out.bytes[out.length++] = 0x2d;
	appendDigits(out, Math.abs(value));
}

/** `value` is a non-negative safe integer; the room is reserved. */
function appendDigits(out: ByteBuffer, value: number): void {
	const end = out.length + digitCount(value);
	let at = end;
	let rest = value;
	while (rest >= 0x8000_0000) {
		const quotient = Math.floor(rest / 10);
		out.bytes[--at] = 0x30 + (rest - quotient * 10);
		rest = quotient;
	}
	let small = rest | 0;
	do {
		const quotient = (small / 10) | 0;
		out.bytes[--at] = 0x30 + (small - quotient * 10);
		small = quotient;
	} while (small > 0);
	out.length = end;
}

function digitCount(value: number): number {
	let count = 1;
	for (let bound = 10; value >= bound; bound *= 10) count++;
	return count;
}
