import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteSource } from './byte-buffer.ts';
import { isUtf8, replaceIllFormed, utf8Bytes } from './utf8.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function reference(bytes: Uint8Array): boolean {
	try {
		strict.decode(bytes);
		return true;
	} catch {
		return false;
	}
}

/** Bytes near the edges of the table, so that random runs hit every rule. */
const edgy = fc
	.uint8Array({ maxLength: 12 })
	.chain((bytes) =>
		fc.constantFrom(
			bytes,
			...[0x7f, 0x80, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff].flatMap((lead) =>
				[0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0].map((second) =>
					Uint8Array.from([...bytes.slice(0, 3), lead, second, 0x80, 0xbf, ...bytes]),
				),
			),
		),
	);

test('tells well-formed UTF-8 from the rest exactly as TextDecoder does', () => {
	fc.assert(
		fc.property(edgy, fc.string({ unit: 'binary' }), (bytes, text) => {
			for (const sample of [bytes, utf8Bytes(text), Uint8Array.from([...utf8Bytes(text), ...bytes])]) {
				expect(isUtf8(new ByteSource(sample), 0, sample.length)).toBe(reference(sample));
			}
		}),
		{ numRuns: 3000 },
	);
});

test('looks at the given range only', () => {
	const bytes = Uint8Array.from([0xff, 0x61, 0x62, 0xff]);
	expect(isUtf8(new ByteSource(bytes), 1, 3)).toBe(true);
	expect(isUtf8(new ByteSource(bytes), 1, 4)).toBe(false);
});

test('each maximal ill-formed part becomes one U+FFFD', () => {
	const cut = utf8Bytes('price: €').slice(0, -1);
	expect(new TextDecoder().decode(replaceIllFormed(cut, 0, cut.length))).toBe('price: \ufffd');
});
