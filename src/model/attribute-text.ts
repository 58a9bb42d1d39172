/**
 * The text form of OTLP attribute values, lossless together with a list of types.
 *
 * A value's text:            type letter
 *   string   as it is         (none: strings are not listed)
 *   int      decimal          i
 *   double   shortest text that reads back equal (`NaN`, `Infinity`, `-Infinity`, `-0` included)   d
 *   bool     true | false     b
 *   bytes    base64           x
 *   array    OTLP JSON of the `ArrayValue`     a
 *   kvlist   OTLP JSON of the `KeyValueList`   m
 *   AnyValue without a value  ''               n
 *
 * A types text lists `<letter><key>\n` for every attribute that is not a string, in wire order; in keys `\` is written `\\` and a
 * newline `\n`. Services send few distinct shapes, so the column is nearly free as `LowCardinality(String)`.
 *
 * A `resource` text is JSON `{"attributes":{key: text, ...},"types":"...","dropped":0,"schemaUrl":"","entityRefs":[...]}` and a
 * `scope` text is JSON `{"name":"","version":"","attributes":{...},"types":"...","dropped":0,"schemaUrl":""}`; keys whose value is
 * empty or zero are left out, and an absent resource or scope is ''.
 */

export type TypeLetter = 'i' | 'd' | 'b' | 'x' | 'a' | 'm' | 'n';

export interface ResourceText {
	readonly attributes?: Readonly<Record<string, string>>;
	readonly types?: string;
	readonly dropped?: number;
	readonly schemaUrl?: string;
	readonly entityRefs?: readonly unknown[];
}

export interface ScopeText {
	readonly name?: string;
	readonly version?: string;
	readonly attributes?: Readonly<Record<string, string>>;
	readonly types?: string;
	readonly dropped?: number;
	readonly schemaUrl?: string;
}

/** Appends one entry to a types text. */
export function typeEntry(letter: TypeLetter, key: string): string {
	return `${letter}${key.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
}

/** Reads a types text back: key -> letter. Keys not in the map are strings. */
export function parseTypes(text: string): Map<string, TypeLetter> {
	const types = new Map<string, TypeLetter>();
	for (const line of text.split('\n')) {
		if (line === '') continue;
		const key = line.slice(1).replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
		types.set(key, line[0] as TypeLetter);
	}
	return types;
}
