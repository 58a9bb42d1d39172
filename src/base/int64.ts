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
	out.reserve(DECIMAL_BYTES_MAX);
	if (hi === 0 && lo >= 0) {
		appendDigits31(out, lo);
		return;
	}
	const value = toNumber64(lo, hi);
	if (!Number.isSafeInteger(value)) {
		out.ascii(toBigInt64(lo, hi).toString());
		return;
	}
	if (value < 0) out.bytes[out.length++] = 0x2d;
	const magnitude = Math.abs(value);
	const upper = Math.floor(magnitude / 1e9);
	const lower = magnitude - upper * 1e9;
	if (upper > 0) {
		appendDigits31(out, upper);
		for (let bound = 1e8; bound > 1 && lower < bound; bound /= 10) out.bytes[out.length++] = 0x30;
	}
	appendDigits31(out, lower);
}

/** The digits of an integer from 0 to 2^31 - 1; the room is reserved. */
function appendDigits31(out: ByteBuffer, value: number): void {
	const { bytes } = out;
	const end = out.length + digitCount31(value);
	let at = end;
	let rest = value | 0;
	do {
		const quotient = (rest / 10) | 0;
		bytes[--at] = 0x30 + (rest - quotient * 10);
		rest = quotient;
	} while (rest > 0);
	out.length = end;
}

function digitCount31(value: number): number {
	if (value < 1e3) return value < 10 ? 1 : value < 100 ? 2 : 3;
	if (value < 1e6) return value < 1e4 ? 4 : value < 1e5 ? 5 : 6;
	if (value < 1e8) return value < 1e7 ? 7 : 8;
	return value < 1e9 ? 9 : 10;
}
