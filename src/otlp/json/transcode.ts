/**
 * OTLP JSON to OTLP protobuf, in one pass over the bytes.
 *
 * There is one decoder from bytes to columns and it reads protobuf; JSON is brought into that form first, so that every rule about ids,
 * limits and duplicates holds for both and is written once. Cost: writing each message a second time, about a tenth of reading the JSON.
 *
 * Mapping (OTLP specification, "JSON Protobuf Encoding"): ids are hexadecimal in either case, other bytes base64; 64-bit integers are
 * decimal strings or numbers of any size; enums numbers or names; NaN and the infinities strings; null is absent; unknown fields are
 * ignored at any depth. An id that is not hexadecimal becomes one zero byte, which no rule takes for an id: the record that has it is
 * then treated as any other with a wrong id.
 */

import { appendFromBase64 } from '../../base/base64.ts';
import { ByteBuffer, ByteSource } from '../../base/byte-buffer.ts';
import { utf8Text } from '../../base/utf8.ts';
import type { Signal } from '../../model/schema.ts';
import { JSON_DEPTH_MAX } from '../limits.ts';
import { WIRE } from '../wire.ts';
import { type Field, type Kind, type Message, NAMES, REQUESTS } from './messages.ts';
import { JsonScanner } from './scanner.ts';

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;

const WIRE_TYPE: Readonly<Record<Kind, number>> = {
	string: WIRE.bytes,
	bytes: WIRE.bytes,
	id: WIRE.bytes,
	message: WIRE.bytes,
	bool: WIRE.varint,
	int32: WIRE.varint,
	uint32: WIRE.varint,
	sint32: WIRE.varint,
	int64: WIRE.varint,
	uint64: WIRE.varint,
	enum: WIRE.varint,
	fixed32: WIRE.fixed32,
	fixed64: WIRE.fixed64,
	sfixed64: WIRE.fixed64,
	double: WIRE.fixed64,
};

/** The protobuf form of `body`, an `Export*ServiceRequest` in JSON. Throws `Failure` `malformed`. */
export function transcodeJson(signal: Signal, body: Uint8Array): Uint8Array {
	return new Transcoder(body).request(REQUESTS[signal]);
}

class Transcoder {
	private readonly scanner: JsonScanner;
	private readonly out: ByteBuffer;
	/** The name read last: fields come in the same order again and again, so each guesses its successor. */
	private previousName = 0;
	private readonly followers = new Uint32Array(NAMES.length);

	constructor(body: Uint8Array) {
		this.scanner = new JsonScanner(new ByteSource(body));
		// Protobuf is about half of the JSON it says the same as.
		this.out = new ByteBuffer(Math.max(256, body.length >> 1));
	}

	request(message: Message): Uint8Array {
		this.fields(message, 0);
		this.scanner.finish();
		return this.out.contents();
	}

	/** The fields of a message, without its length. */
	private fields(message: Message, depth: number): void {
		const { scanner } = this;
		if (depth > JSON_DEPTH_MAX) throw scanner.tooDeep();
		scanner.expect(OPEN_OBJECT);
		if (scanner.take(CLOSE_OBJECT)) return;
		do {
			const field = message.fields[this.name()];
			scanner.expect(COLON);
			if (field === undefined) scanner.skip(depth + 1);
			else if (scanner.takeNull()) continue;
			else if (field.repeated) this.elements(field, depth + 1);
			else this.field(field, depth);
		} while (scanner.take(COMMA));
		scanner.expect(CLOSE_OBJECT);
	}

	/** Reads a field name; its number in `NAMES`, 0 (no field's) when it is unknown. */
	private name(): number {
		const { scanner } = this;
		scanner.string();
		const name = NAMES.find(scanner.text, scanner.textStart, scanner.textEnd, this.followers[this.previousName]);
		if (name < 0) return 0;
		this.followers[this.previousName] = name;
		this.previousName = name;
		return name;
	}

	private elements(field: Field, depth: number): void {
		const { scanner } = this;
		scanner.expect(OPEN_ARRAY);
		if (scanner.take(CLOSE_ARRAY)) return;
		do {
			if (!scanner.takeNull()) this.field(field, depth);
		} while (scanner.take(COMMA));
		scanner.expect(CLOSE_ARRAY);
	}

	/** Tag and value of one field or element. */
	private field(field: Field, depth: number): void {
		const { scanner, out } = this;
		out.varint((field.number << 3) | WIRE_TYPE[field.kind]);
		switch (field.kind) {
			case 'message': {
				const start = this.open();
				this.fields(field.message as Message, depth + 1);
				this.close(start);
				return;
			}
			case 'string':
				scanner.string();
				out.varint(scanner.textEnd - scanner.textStart);
				out.appendRange(scanner.text, scanner.textStart, scanner.textEnd);
				return;
			case 'id':
				this.id();
				return;
			case 'bytes':
				this.base64();
				return;
			case 'bool':
				out.byte(scanner.bool() ? 1 : 0);
				return;
			case 'double':
				out.reserve(8);
				out.view.setFloat64(out.length, scanner.double(), true);
				out.length += 8;
				return;
			case 'enum':
				this.enumValue(field);
				return;
			default:
				this.integer(field.kind);
		}
	}

	private integer(kind: 'int32' | 'uint32' | 'sint32' | 'int64' | 'uint64' | 'fixed32' | 'fixed64' | 'sfixed64'): void {
		const { scanner, out } = this;
		switch (kind) {
			case 'sint32':
				scanner.integer('int32');
				out.varint(((scanner.lo << 1) ^ (scanner.lo >> 31)) >>> 0);
				return;
			case 'fixed32':
				scanner.integer('uint32');
				out.uint32(scanner.lo);
				return;
			case 'fixed64':
			case 'sfixed64':
				scanner.integer(kind === 'fixed64' ? 'uint64' : 'int64');
				out.uint32(scanner.lo);
				out.uint32(scanner.hi);
				return;
			default:
				scanner.integer(kind);
				this.varint64(scanner.lo, scanner.hi);
		}
	}

	private varint64(low: number, high: number): void {
		const { out } = this;
		let lo = low >>> 0;
		let hi = high >>> 0;
		while (hi > 0 || lo >= 0x80) {
			out.byte((lo & 0x7f) | 0x80);
			lo = ((lo >>> 7) | (hi << 25)) >>> 0;
			hi >>>= 7;
		}
		out.byte(lo);
	}

	/** A number, or a name as old senders write it. */
	private enumValue(field: Field): void {
		const { scanner } = this;
		if (scanner.peek() === QUOTE) {
			const before = scanner.at;
			scanner.string();
			const text = utf8Text(scanner.text.bytes, scanner.textStart, scanner.textEnd);
			const value = field.values?.get(text);
			if (value !== undefined) {
				this.out.varint(value);
				return;
			}
			scanner.at = before;
			if (!/^-?\d+$/.test(text)) throw scanner.fault(`${field.name} has no value of the name "${text.slice(0, 60)}"`);
		}
		this.integer('int32');
	}

	private id(): void {
		const { scanner, out } = this;
		scanner.string();
		const { bytes } = scanner.text;
		const count = scanner.textEnd - scanner.textStart;
		const start = this.open();
		out.reserve(count >> 1);
		let valid = (count & 1) === 0;
		for (let at = scanner.textStart; valid && at < scanner.textEnd; at += 2) {
			const value = (hexDigit(bytes[at] as number) << 4) | hexDigit(bytes[at + 1] as number);
			if (value < 0) valid = false;
			else out.bytes[out.length++] = value;
		}
		if (!valid) {
			out.length = start;
			out.byte(0);
		}
		this.close(start);
	}

	private base64(): void {
		const { scanner } = this;
		scanner.string();
		const start = this.open();
		if (!appendFromBase64(this.out, scanner.text.bytes, scanner.textStart, scanner.textEnd)) throw scanner.fault('expected base64');
		this.close(start);
	}

	/** Leaves a byte for a length; `close` makes more room when one is too few. */
	private open(): number {
		this.out.byte(0);
		return this.out.length;
	}

	private close(start: number): void {
		const { out } = this;
		const count = out.length - start;
		if (count < 0x80) {
			out.bytes[start - 1] = count;
			return;
		}
		const header = Math.ceil((32 - Math.clz32(count)) / 7);
		out.reserve(header - 1);
		out.bytes.copyWithin(start - 1 + header, start, start + count);
		out.length = start - 1;
		out.varint(count);
		out.length += count;
	}
}

/** The value of a hexadecimal digit, negative when it is none. */
function hexDigit(char: number): number {
	if (char >= 0x30 && char <= 0x39) return char - 0x30;
	const lower = char | 0x20;
	return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
