/**
 * Judges bytes by a protobuf schema, without decoding them: `broken` when no reader of the wire format could go on, `plain` when every
 * reader must see the same, `odd` when readers may differ: wrong wire types for known fields, text that is not UTF-8, singular
 * messages given twice (merged or replaced), several members of a oneof, groups, overlong varints.
 */

import protobufjs from 'protobufjs';

export type Verdict = 'broken' | 'odd' | 'plain';

const WIRE_TYPES: Readonly<Record<string, number>> = {
	...Object.fromEntries(['int32', 'uint32', 'sint32', 'int64', 'uint64', 'sint64', 'bool'].map((name) => [name, 0])),
	...Object.fromEntries(['double', 'fixed64', 'sfixed64'].map((name) => [name, 1])),
	...Object.fromEntries(['string', 'bytes'].map((name) => [name, 2])),
	...Object.fromEntries(['float', 'fixed32', 'sfixed32'].map((name) => [name, 5])),
};
/** Read only when a record under them needs them, so that one without any is not looked into. */
const READ_LATE = new Set(['Resource', 'InstrumentationScope']);
const DEPTH_MAX = 24;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export function judge(bytes: Uint8Array, type: protobufjs.Type): Verdict {
	return message(bytes, type, 0);
}

function message(bytes: Uint8Array, type: protobufjs.Type, depth: number): Verdict {
	let verdict: Verdict = depth > DEPTH_MAX ? 'odd' : 'plain';
	const seen = new Set<string>();
	const unreadable = new Set<string>();
	for (let at = 0; at < bytes.length; ) {
		const tag = varint(bytes, at);
		if (tag === undefined || tag.value >> 3n === 0n || tag.value >> 32n !== 0n) return 'broken';
		if (tag.overlong) verdict = 'odd';
		const wire = Number(tag.value & 7n);
		const field = type.fieldsById[Number(tag.value >> 3n)]?.resolve();
		const payload = content(bytes, tag.end, wire);
		if (payload === 'group') return 'odd';
		if (payload === undefined) return 'broken';
		if (payload.odd) verdict = 'odd';
		at = payload.end;
		if (field === undefined) continue;
		const inner = value(bytes.subarray(payload.start, payload.end), field, wire, depth);
		if (inner === 'odd' || repeats(field, seen)) verdict = 'odd';
		// Of what counts once the last counts; what stands in those before it nobody needs to read.
		if (field.repeated && inner === 'broken') return 'broken';
		const key = field.partOf?.name ?? field.name;
		if (inner === 'broken') unreadable.add(key);
		else unreadable.delete(key);
	}
	return unreadable.size > 0 ? 'broken' : verdict;
}

/** Whether a field that counts once, or another of its oneof, was there before. */
function repeats(field: protobufjs.Field, seen: Set<string>): boolean {
	if (field.repeated) return false;
	const key = field.partOf !== null && !field.options?.proto3_optional ? `oneof ${field.partOf.name}` : field.name;
	const again = seen.has(key) && (field.partOf !== null || field.resolvedType instanceof protobufjs.Type);
	seen.add(key);
	return again;
}

function value(payload: Uint8Array, field: protobufjs.Field, wire: number, depth: number): Verdict {
	const nested = field.resolvedType instanceof protobufjs.Type ? field.resolvedType : undefined;
	const expected = nested === undefined ? (WIRE_TYPES[field.type] ?? 0) : 2;
	if (wire !== expected) return wire === 2 && field.repeated && nested === undefined && expected !== 2 ? packed(payload, expected) : 'odd';
	if (nested !== undefined) {
		const verdict = message(payload, nested, depth + 1);
		return verdict === 'broken' && READ_LATE.has(nested.name) ? 'odd' : verdict;
	}
	if (field.type !== 'string') return 'plain';
	try {
		UTF8.decode(payload);
		return 'plain';
	} catch {
		return 'odd';
	}
}

function packed(payload: Uint8Array, wire: number): Verdict {
	if (wire !== 0) return payload.length % (wire === 1 ? 8 : 4) === 0 ? 'plain' : 'odd';
	for (let at = 0; at < payload.length; ) {
		const one = varint(payload, at);
		if (one === undefined) return 'odd';
		at = one.end;
	}
	return 'plain';
}

function content(bytes: Uint8Array, at: number, wire: number): { start: number; end: number; odd: boolean } | 'group' | undefined {
	if (wire === 3 || wire === 4) return 'group';
	if (wire > 5) return undefined;
	if (wire === 0) {
		const number = varint(bytes, at);
		return number === undefined ? undefined : { start: at, end: number.end, odd: number.overlong };
	}
	if (wire !== 2) return at + (wire === 1 ? 8 : 4) > bytes.length ? undefined : { start: at, end: at + (wire === 1 ? 8 : 4), odd: false };
	const length = varint(bytes, at);
	if (length === undefined || BigInt(length.end) + length.value > BigInt(bytes.length)) return undefined;
	return { start: length.end, end: length.end + Number(length.value), odd: length.overlong };
}

function varint(bytes: Uint8Array, at: number): { value: bigint; end: number; overlong: boolean } | undefined {
	let read = 0n;
	for (let length = 0; length < 10; length++) {
		const byte = bytes[at + length];
		if (byte === undefined) return undefined;
		read |= BigInt(byte & 0x7f) << BigInt(7 * length);
		if (byte < 0x80)
			return { value: BigInt.asUintN(64, read), end: at + length + 1, overlong: (byte === 0 && length > 0) || read >> 64n !== 0n };
	}
	return undefined;
}
