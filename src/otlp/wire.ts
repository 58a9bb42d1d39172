/**
 * Reads the protobuf wire format in place: tags, varints, fixed words, lengths.
 *
 * A message is a loop `while (wire.at < end) switch (wire.tag())` that must come out exactly at `end` (`wire.finish(end)`). Reads past
 * the end of the body give zeros, and a field that crosses its message's end leaves `at` behind it, so nothing needs a check per byte:
 * `finish` and `chunk` find every overrun, and whoever called rolls the block back.
 *
 * tag = field << 3 | wire type; 0 varint, 1 fixed64, 2 length-delimited, 3 and 4 group start and end, 5 fixed32.
 * A known field with another wire type than its own is an unknown field, as in other parsers; the `switch` over whole tags does that.
 * Of a singular message that occurs twice the last one counts (a full parser would merge the two; no sender does this).
 */

import { ByteSource } from '../base/byte-buffer.ts';
import { Failure } from '../base/errors.ts';
import { GROUP_DEPTH_MAX } from './limits.ts';

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

export class Wire {
	/** The body, for those that copy from it. */
	source: ByteSource = new ByteSource(new Uint8Array(0));
	bytes: Uint8Array = this.source.bytes;
	view: DataView = this.source.view;
	/** Where the next read begins. */
	at = 0;
	/** Halves of the last 64-bit value read, as signed 32-bit integers. */
	lo = 0;
	hi = 0;

	open(body: Uint8Array): void {
		// A plain array even if the body is a `Buffer`: the loops over it are compiled for one kind only.
		this.source = new ByteSource(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
		this.bytes = this.source.bytes;
		this.view = this.source.view;
		this.at = 0;
	}

	/** Lets go of the body. */
	close(): void {
		this.open(new Uint8Array(0));
	}

	/** Field number and wire type as one number. */
	tag(): number {
		const byte = this.bytes[this.at] as number;
		if (byte < 0x80 && byte > 7) {
			this.at++;
			return byte;
		}
		this.varint64();
		if (this.hi !== 0 || this.lo >>> 3 === 0) throw malformed('a field number is 0 or too large', this.at);
		return this.lo >>> 0;
	}

	/** A varint's low 32 bits, unsigned. */
	varint32(): number {
		const byte = this.bytes[this.at] as number;
		if (byte < 0x80) {
			this.at++;
			return byte;
		}
		this.varint64();
		return this.lo >>> 0;
	}

	/** A varint into `lo` and `hi`. */
	varint64(): void {
		const { bytes } = this;
		let at = this.at;
		let lo = 0;
		for (let shift = 0; shift < 28; shift += 7) {
			const byte = bytes[at++] as number;
			lo |= (byte & 0x7f) << shift;
			if (byte < 0x80) {
				this.at = at;
				this.lo = lo;
				this.hi = 0;
				return;
			}
		}
		this.longVarint64(at, lo);
	}

	/** The rest of a varint at `at`, whose low 28 bits are known. */
	private longVarint64(at: number, low: number): void {
		let lo = low;
		let hi = 0;
		for (let shift = 28; shift < 70; shift += 7) {
			const byte = this.bytes[at++];
			if (byte === undefined) throw malformed('a varint is cut off', at);
			const bits = byte & 0x7f;
			if (shift === 28) {
				lo |= bits << 28;
				hi = bits >>> 4;
			} else hi |= shift < 63 ? bits << (shift - 32) : (bits & 1) << 31;
			if (byte < 0x80) {
				this.at = at;
				this.lo = lo;
				this.hi = hi;
				return;
			}
		}
		throw malformed('a varint is longer than ten bytes', at);
	}

	/** A fixed64 (or double) into `lo` and `hi`. */
	fixed64(): void {
		const at = this.word(8);
		this.lo = this.view.getInt32(at, true);
		this.hi = this.view.getInt32(at + 4, true);
	}

	fixed32(): number {
		return this.view.getUint32(this.word(4), true);
	}

	double(): number {
		return this.view.getFloat64(this.word(8), true);
	}

	/** Reads the length of a length-delimited field: its content is `[at, result)` and `result` lies within `end`. */
	chunk(end: number): number {
		let length = this.bytes[this.at] as number;
		if (length < 0x80) {
			this.at++;
		} else {
			this.varint64();
			length = this.hi === 0 ? this.lo >>> 0 : Number.POSITIVE_INFINITY;
		}
		const stop = this.at + length;
		if (!(stop <= end)) throw malformed('a length reaches beyond its message', this.at);
		return stop;
	}

	/** Steps over a field that is not known, groups included. */
	skip(tag: number, end: number, depth = 0): void {
		switch (tag & 7) {
			case WIRE.varint:
				this.varint64();
				return;
			case WIRE.fixed64:
				this.word(8);
				return;
			case WIRE.bytes:
				this.at = this.chunk(end);
				return;
			case WIRE.groupStart:
				this.skipGroup(tag >>> 3, end, depth);
				return;
			case WIRE.fixed32:
				this.word(4);
				return;
			default:
				throw malformed(`wire type ${tag & 7} cannot begin a field`, this.at);
		}
	}

	/** Asserts that a message ended where its length said. */
	finish(end: number): void {
		if (this.at !== end) throw malformed('a field reaches beyond its message', end);
	}

	private skipGroup(field: number, end: number, depth: number): void {
		if (depth >= GROUP_DEPTH_MAX) throw malformed(`groups nest deeper than ${GROUP_DEPTH_MAX}`, this.at);
		while (this.at < end) {
			const tag = this.tag();
			if ((tag & 7) === WIRE.groupEnd) {
				if (tag >>> 3 !== field) throw malformed('a group ends that did not begin', this.at);
				return;
			}
			this.skip(tag, end, depth + 1);
		}
		throw malformed('a group does not end', this.at);
	}

	private word(width: number): number {
		const at = this.at;
		this.at = at + width;
		if (this.at > this.bytes.length) throw malformed('a number is cut off', at);
		return at;
	}
}

export function malformed(what: string, at: number): Failure {
	return new Failure('malformed', `not an OTLP message: ${what}, near byte ${at}`);
}
