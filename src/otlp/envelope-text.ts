/**
 * The JSON texts of resources and scopes (see `model/attribute-text.ts`), built once for each distinct message and then found again
 * by its bytes: a resource costs a hash a request, not a build.
 *
 * ```proto
 * message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; repeated EntityRef entity_refs = 3; }
 * message EntityRef { string schema_url = 1; string type = 2; repeated string id_keys = 3; repeated string description_keys = 4; }
 * message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3;
 *   uint32 dropped_attributes_count = 4; }
 * ```
 */

import { ByteBuffer, ByteSource } from '../base/byte-buffer.ts';
import { utf8Bytes, utf8Text } from '../base/utf8.ts';
import { type ResourceText, type ScopeText, type TypeLetter, typeEntry } from '../model/attribute-text.ts';
import { Dictionary } from '../model/columns/dictionary.ts';
import { LETTERS, TOO_DEEP, writeAnyValue } from './any-value.ts';
import { ATTRIBUTES_MAX, ENVELOPES_MAX, KEY_BYTES_MAX } from './limits.ts';
import type { Wire } from './wire.ts';

/** A part of the body; `start` -1 when the field is absent. */
export interface Range {
	start: number;
	end: number;
}

/** The texts one envelope message comes to, as bytes ready for a dictionary. */
export interface EnvelopeText {
	readonly text: ByteSource;
	/** Of a resource; empty for a scope. */
	readonly serviceName: ByteSource;
}

type Build = (wire: Wire, message: Range, schemaUrl: string) => EnvelopeText;

const BYTES = 2;
const VARINT = 0;
const KEEP_BYTES_MAX = 4 * 1024 * 1024;

/** Remembers `ENVELOPES_MAX` messages and 4 MiB of their bytes, then starts afresh. */
export class EnvelopeCache {
	private readonly known = new Dictionary();
	private readonly texts: (EnvelopeText | undefined)[] = [];
	private readonly key = new ByteBuffer(1024);
	private readonly build: Build;

	constructor(build: Build) {
		this.build = build;
	}

	/** The text of `message` with the schema URL that stands beside it. Leaves `wire.at` anywhere. */
	text(wire: Wire, message: Range, schemaUrl: Range): EnvelopeText {
		const { key } = this;
		key.reset(KEEP_BYTES_MAX);
		key.uint32(message.start < 0 ? 0xffff_ffff : message.end - message.start);
		if (message.start >= 0) key.appendRange(wire.source, message.start, message.end);
		if (schemaUrl.start >= 0) key.appendRange(wire.source, schemaUrl.start, schemaUrl.end);
		if (this.known.length > ENVELOPES_MAX || this.known.size() > KEEP_BYTES_MAX) {
			this.known.reset(KEEP_BYTES_MAX);
			this.texts.length = 0;
		}
		const id = this.known.intern(key.source(), 0, key.length);
		const known = this.texts[id];
		if (known !== undefined) return known;
		const built = this.build(wire, message, schemaUrl.start < 0 ? '' : utf8Text(wire.bytes, schemaUrl.start, schemaUrl.end));
		this.texts[id] = built;
		return built;
	}
}

/** `service.name` of a resource that has none; the name the SDKs use. */
const UNKNOWN_SERVICE = 'unknown_service';

export function buildResourceText(wire: Wire, message: Range, schemaUrl: string): EnvelopeText {
	const attributes = new AttributeTexts();
	const entityRefs: unknown[] = [];
	let dropped = 0;
	if (message.start >= 0) {
		wire.at = message.start;
		while (wire.at < message.end) {
			const tag = wire.tag();
			switch (tag) {
				case (1 << 3) | BYTES:
					attributes.add(wire, wire.chunk(message.end));
					break;
				case (2 << 3) | VARINT:
					dropped = wire.varint32();
					break;
				case (3 << 3) | BYTES:
					entityRefs.push(readEntityRef(wire, wire.chunk(message.end)));
					break;
				default:
					wire.skip(tag, message.end);
			}
		}
		wire.finish(message.end);
	}
	const text: ResourceText = {
		...attributes.parts(dropped),
		...(schemaUrl !== '' && { schemaUrl }),
		...(entityRefs.length > 0 && { entityRefs }),
	};
	const serviceName = attributes.texts.get('service.name')?.text || UNKNOWN_SERVICE;
	return {
		text: jsonSource(message.start < 0 && schemaUrl === '' ? undefined : text),
		serviceName: new ByteSource(utf8Bytes(serviceName)),
	};
}

export function buildScopeText(wire: Wire, message: Range, schemaUrl: string): EnvelopeText {
	const attributes = new AttributeTexts();
	let name = '';
	let version = '';
	let dropped = 0;
	if (message.start >= 0) {
		wire.at = message.start;
		while (wire.at < message.end) {
			const tag = wire.tag();
			switch (tag) {
				case (1 << 3) | BYTES:
					name = readText(wire, message.end);
					break;
				case (2 << 3) | BYTES:
					version = readText(wire, message.end);
					break;
				case (3 << 3) | BYTES:
					attributes.add(wire, wire.chunk(message.end));
					break;
				case (4 << 3) | VARINT:
					dropped = wire.varint32();
					break;
				default:
					wire.skip(tag, message.end);
			}
		}
		wire.finish(message.end);
	}
	const text: ScopeText = {
		...(name !== '' && { name }),
		...(version !== '' && { version }),
		...attributes.parts(dropped),
		...(schemaUrl !== '' && { schemaUrl }),
	};
	return { text: jsonSource(message.start < 0 && schemaUrl === '' ? undefined : text), serviceName: NOTHING };
}

const NOTHING = new ByteSource(new Uint8Array(0));

/** Attributes as JavaScript strings, for texts that are built rarely. Of equal keys the last one wins. */
export class AttributeTexts {
	readonly texts = new Map<string, { readonly text: string; readonly letter: number }>();
	private dropped = 0;
	private readonly scratch = new ByteBuffer();

	/** Adds the `KeyValue` at `[wire.at, end)` and moves `wire.at` to `end`. */
	add(wire: Wire, end: number): void {
		let keyStart = end;
		let keyEnd = end;
		let valueStart = end;
		let valueEnd = end;
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === ((1 << 3) | BYTES)) {
				keyEnd = wire.chunk(end);
				keyStart = wire.at;
				wire.at = keyEnd;
			} else if (tag === ((2 << 3) | BYTES)) {
				valueEnd = wire.chunk(end);
				valueStart = wire.at;
				wire.at = valueEnd;
			} else {
				wire.skip(tag, end);
			}
		}
		wire.finish(end);
		this.scratch.reset();
		wire.at = valueStart;
		const letter = writeAnyValue(wire, valueEnd, this.scratch);
		wire.at = end;
		if (this.texts.size >= ATTRIBUTES_MAX || keyEnd - keyStart > KEY_BYTES_MAX || letter === TOO_DEEP) {
			this.dropped++;
			return;
		}
		const key = utf8Text(wire.bytes, keyStart, keyEnd);
		this.texts.delete(key);
		this.texts.set(key, { text: utf8Text(this.scratch.bytes, 0, this.scratch.length), letter });
	}

	/** The members of a resource or scope text that come from attributes; what is empty or zero is left out. */
	parts(dropped: number): ResourceText {
		let types = '';
		for (const [key, { letter }] of this.texts) if (letter !== 0) types += typeEntry(LETTERS[letter] as TypeLetter, key);
		const total = dropped + this.dropped;
		return {
			...(this.texts.size > 0 && { attributes: Object.fromEntries(Array.from(this.texts, ([key, { text }]) => [key, text])) }),
			...(types !== '' && { types }),
			...(total > 0 && { dropped: total }),
		};
	}
}

function readEntityRef(wire: Wire, end: number): unknown {
	const idKeys: string[] = [];
	const descriptionKeys: string[] = [];
	let schemaUrl = '';
	let type = '';
	while (wire.at < end) {
		const tag = wire.tag();
		switch (tag) {
			case (1 << 3) | BYTES:
				schemaUrl = readText(wire, end);
				break;
			case (2 << 3) | BYTES:
				type = readText(wire, end);
				break;
			case (3 << 3) | BYTES:
				idKeys.push(readText(wire, end));
				break;
			case (4 << 3) | BYTES:
				descriptionKeys.push(readText(wire, end));
				break;
			default:
				wire.skip(tag, end);
		}
	}
	wire.finish(end);
	return {
		...(schemaUrl !== '' && { schemaUrl }),
		...(type !== '' && { type }),
		...(idKeys.length > 0 && { idKeys }),
		...(descriptionKeys.length > 0 && { descriptionKeys }),
	};
}

function readText(wire: Wire, end: number): string {
	const stop = wire.chunk(end);
	const text = utf8Text(wire.bytes, wire.at, stop);
	wire.at = stop;
	return text;
}

/** The JSON text, empty for an absent message. */
function jsonSource(value: unknown): ByteSource {
	return value === undefined ? NOTHING : new ByteSource(utf8Bytes(JSON.stringify(value)));
}
