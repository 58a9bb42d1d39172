/**
 * `AnyValue` from the wire to its text form (see `model/attribute-text.ts`), byte by byte into a buffer.
 *
 * ```proto
 * message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
 *   ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; int32 string_value_strindex = 8; } }
 * message ArrayValue { repeated AnyValue values = 1; }
 * message KeyValueList { repeated KeyValue values = 1; }
 * message KeyValue { string key = 1; AnyValue value = 2; int32 key_strindex = 3; }
 * ```
 * The two `*_strindex` fields mean something in profiles only and are treated as unknown.
 */

import { appendBase64 } from '../base/base64.ts';
import { type ByteBuffer, ByteSource } from '../base/byte-buffer.ts';
import { appendDecimal64 } from '../base/int64.ts';
import { appendDouble, appendJsonDouble, appendJsonString } from '../base/json-text.ts';
import { isUtf8, replaceIllFormed } from '../base/utf8.ts';
import { VALUE_DEPTH_MAX } from './limits.ts';
import type { Wire } from './wire.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

export const STRING_VALUE: number = (1 << 3) | BYTES;
export const BOOL_VALUE: number = (2 << 3) | VARINT;
export const INT_VALUE: number = (3 << 3) | VARINT;
export const DOUBLE_VALUE: number = (4 << 3) | FIXED64;
export const ARRAY_VALUE: number = (5 << 3) | BYTES;
export const KVLIST_VALUE: number = (6 << 3) | BYTES;
export const BYTES_VALUE: number = (7 << 3) | BYTES;

const VALUES = (1 << 3) | BYTES;
const KEY = (1 << 3) | BYTES;
const VALUE = (2 << 3) | BYTES;

/** Type letters by number: 0 is a string, which has none. */
export const LETTERS = ['', 'i', 'd', 'b', 'x', 'a', 'm', 'n'] as const;
export const LETTER = { string: 0, int: 1, double: 2, bool: 3, bytes: 4, array: 5, kvlist: 6, none: 7 } as const;
/** Returned instead of a letter for a value that nests too deeply; the buffer then holds part of it. */
export const TOO_DEEP = -1;

/**
 * Appends the text form of the `AnyValue` at `[wire.at, end)` and moves `wire.at` to `end`. Returns its letter's number, or `TOO_DEEP`:
 * then the buffer holds part of it.
 */
export function writeAnyValue(wire: Wire, end: number, out: ByteBuffer): number {
	const simple = writeSimpleNumber(wire, end, out);
	if (simple !== NOT_SIMPLE) return simple;
	const letter = writeText(wire, lastField(wire, end), end, out);
	wire.at = end;
	return letter;
}

const NOT_SIMPLE = -2;

/** The common case of one number and nothing else, read once; anything else is left as it was. */
function writeSimpleNumber(wire: Wire, end: number, out: ByteBuffer): number {
	const start = wire.at;
	if (start === end) return NOT_SIMPLE;
	switch (wire.bytes[start]) {
		case INT_VALUE:
			wire.at++;
			wire.varint64();
			if (wire.at === end) {
				appendDecimal64(out, wire.lo, wire.hi);
				return LETTER.int;
			}
			wire.at = start;
			return NOT_SIMPLE;
		case DOUBLE_VALUE:
			if (end - start !== 9) return NOT_SIMPLE;
			wire.at = end;
			appendDouble(out, wire.view.getFloat64(start + 1, true));
			return LETTER.double;
		default:
			return NOT_SIMPLE;
	}
}

function writeText(wire: Wire, field: number, end: number, out: ByteBuffer): number {
	switch (field) {
		case STRING_VALUE:
			appendUtf8(wire, wire.chunk(end), out);
			return LETTER.string;
		case BOOL_VALUE:
			wire.varint64();
			out.ascii((wire.lo | wire.hi) === 0 ? 'false' : 'true');
			return LETTER.bool;
		case INT_VALUE:
			wire.varint64();
			appendDecimal64(out, wire.lo, wire.hi);
			return LETTER.int;
		case DOUBLE_VALUE:
			appendDouble(out, wire.double());
			return LETTER.double;
		case BYTES_VALUE:
			appendChunkBase64(wire, end, out);
			return LETTER.bytes;
		case ARRAY_VALUE:
			return writeArray(wire, wire.chunk(end), out, 1) ? LETTER.array : TOO_DEEP;
		case KVLIST_VALUE:
			return writeKeyValueList(wire, wire.chunk(end), out, 1) ? LETTER.kvlist : TOO_DEEP;
		default:
			return LETTER.none;
	}
}

/**
 * Walks the message `[wire.at, end)`, of whose oneof the last member counts: returns its tag and puts `wire.at` behind it, or returns 0.
 */
function lastField(wire: Wire, end: number): number {
	let found = 0;
	let content = wire.at;
	while (wire.at < end) {
		const tag = wire.tag();
		if (isValueTag(tag)) {
			found = tag;
			content = wire.at;
		}
		wire.skip(tag, end);
	}
	wire.finish(end);
	wire.at = content;
	return found;
}

function isValueTag(tag: number): boolean {
	switch (tag) {
		case STRING_VALUE:
		case BOOL_VALUE:
		case INT_VALUE:
		case DOUBLE_VALUE:
		case ARRAY_VALUE:
		case KVLIST_VALUE:
		case BYTES_VALUE:
			return true;
		default:
			return false;
	}
}

/** The OTLP JSON of an `AnyValue`; false when it nests too deeply. */
function writeJsonValue(wire: Wire, end: number, out: ByteBuffer, depth: number): boolean {
	let whole = true;
	switch (lastField(wire, end)) {
		case STRING_VALUE:
			out.ascii('{"stringValue":');
			appendJsonText(wire, wire.chunk(end), out);
			break;
		case BOOL_VALUE:
			wire.varint64();
			out.ascii((wire.lo | wire.hi) === 0 ? '{"boolValue":false' : '{"boolValue":true');
			break;
		case INT_VALUE:
			wire.varint64();
			out.ascii('{"intValue":"');
			appendDecimal64(out, wire.lo, wire.hi);
			out.ascii('"');
			break;
		case DOUBLE_VALUE:
			out.ascii('{"doubleValue":');
			appendJsonDouble(out, wire.double());
			break;
		case BYTES_VALUE:
			out.ascii('{"bytesValue":"');
			appendChunkBase64(wire, end, out);
			out.ascii('"');
			break;
		case ARRAY_VALUE:
			out.ascii('{"arrayValue":');
			whole = writeArray(wire, wire.chunk(end), out, depth + 1);
			break;
		case KVLIST_VALUE:
			out.ascii('{"kvlistValue":');
			whole = writeKeyValueList(wire, wire.chunk(end), out, depth + 1);
			break;
		default:
			out.ascii('{');
	}
	out.ascii('}');
	wire.at = end;
	return whole;
}

function writeArray(wire: Wire, end: number, out: ByteBuffer, depth: number): boolean {
	if (depth > VALUE_DEPTH_MAX) return false;
	out.ascii('{"values":[');
	let separator = '';
	while (wire.at < end) {
		const tag = wire.tag();
		if (tag !== VALUES) {
			wire.skip(tag, end);
			continue;
		}
		out.ascii(separator);
		separator = ',';
		if (!writeJsonValue(wire, wire.chunk(end), out, depth)) return false;
	}
	wire.finish(end);
	out.ascii(']}');
	return true;
}

function writeKeyValueList(wire: Wire, end: number, out: ByteBuffer, depth: number): boolean {
	if (depth > VALUE_DEPTH_MAX) return false;
	out.ascii('{"values":[');
	let separator = '';
	while (wire.at < end) {
		const tag = wire.tag();
		if (tag !== VALUES) {
			wire.skip(tag, end);
			continue;
		}
		out.ascii(separator);
		separator = ',';
		if (!writeKeyValue(wire, wire.chunk(end), out, depth)) return false;
	}
	wire.finish(end);
	out.ascii(']}');
	return true;
}

function writeKeyValue(wire: Wire, end: number, out: ByteBuffer, depth: number): boolean {
	let keyStart = end;
	let keyEnd = end;
	let valueStart = end;
	let valueEnd = end;
	while (wire.at < end) {
		const tag = wire.tag();
		if (tag === KEY) {
			keyEnd = wire.chunk(end);
			keyStart = wire.at;
			wire.at = keyEnd;
		} else if (tag === VALUE) {
			valueEnd = wire.chunk(end);
			valueStart = wire.at;
			wire.at = valueEnd;
		} else {
			wire.skip(tag, end);
		}
	}
	wire.finish(end);
	out.ascii('{"key":');
	wire.at = keyStart;
	appendJsonText(wire, keyEnd, out);
	out.ascii(',"value":');
	wire.at = valueStart;
	const whole = writeJsonValue(wire, valueEnd, out, depth);
	out.ascii('}');
	wire.at = end;
	return whole;
}

/** Appends the string at `[wire.at, end)`, made well-formed. */
function appendUtf8(wire: Wire, end: number, out: ByteBuffer): void {
	if (isUtf8(wire.source, wire.at, end)) out.appendRange(wire.source, wire.at, end);
	else out.append(replaceIllFormed(wire.bytes, wire.at, end));
	wire.at = end;
}

function appendJsonText(wire: Wire, end: number, out: ByteBuffer): void {
	if (isUtf8(wire.source, wire.at, end)) {
		appendJsonString(out, wire.source, wire.at, end);
	} else {
		const replaced = new ByteSource(replaceIllFormed(wire.bytes, wire.at, end));
		appendJsonString(out, replaced, 0, replaced.bytes.length);
	}
	wire.at = end;
}

function appendChunkBase64(wire: Wire, end: number, out: ByteBuffer): void {
	const stop = wire.chunk(end);
	appendBase64(out, wire.bytes, wire.at, stop);
}
