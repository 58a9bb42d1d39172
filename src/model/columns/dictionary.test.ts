import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteSource } from '../../base/byte-buffer.ts';
import { utf8Bytes } from '../../base/utf8.ts';
import { DICTIONARY_ENTRIES_MAX, Dictionary } from './dictionary.ts';

function intern(dictionary: Dictionary, text: string, guess = 0): number {
	const bytes = utf8Bytes(text);
	return dictionary.internText(new ByteSource(bytes), 0, bytes.length, guess);
}

const step = fc.oneof(
	{ weight: 20, arbitrary: fc.record({ add: fc.string({ maxLength: 5, unit: fc.constantFrom('a', 'b', 'c', 'd') }), guess: fc.nat(40) }) },
	{ weight: 1, arbitrary: fc.record({ keep: fc.double({ min: 0, max: 1, noNaN: true }) }) },
	{ weight: 1, arbitrary: fc.constant({ reset: true as const }) },
);

test('gives each text one number, in order, through truncation and reset, whatever is guessed', () => {
	fc.assert(
		fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
			const dictionary = new Dictionary();
			let expected = [''];
			for (const next of steps) {
				if ('add' in next) {
					const known = expected.indexOf(next.add);
					if (known < 0) expected.push(next.add);
					expect(intern(dictionary, next.add, next.guess)).toBe(known < 0 ? expected.length - 1 : known);
				} else if ('keep' in next) {
					const length = 1 + Math.floor(next.keep * (expected.length - 1));
					expected = expected.slice(0, length);
					dictionary.truncate(length);
				} else {
					expected = [''];
					dictionary.reset(1000);
				}
			}
			expect(Array.from(expected, (_, id) => dictionary.get(id))).toEqual(expected);
			expect(dictionary.length).toBe(expected.length);
		}),
		{ numRuns: 300 },
	);
});

test('finds every one of many entries again after growing', () => {
	const dictionary = new Dictionary();
	for (let i = 0; i < 70_000; i++) expect(intern(dictionary, `name ${i}`)).toBe(i + 1);
	for (let i = 0; i < 70_000; i += 97) expect(intern(dictionary, `name ${i}`)).toBe(i + 1);
});

test('ill-formed UTF-8 is the same entry every time', () => {
	const dictionary = new Dictionary();
	const bytes = new ByteSource(Uint8Array.from([0x61, 0xff]));
	const id = dictionary.internText(bytes, 0, 2);
	expect(dictionary.internText(bytes, 0, 2)).toBe(id);
	expect(dictionary.get(id)).toBe('a\ufffd');
	expect(intern(dictionary, 'a\ufffd')).toBe(id);
});

test('refuses to grow without bound', () => {
	const dictionary = new Dictionary();
	const source = new ByteSource(new Uint8Array(4));
	expect(() => {
		for (let i = 0; i <= DICTIONARY_ENTRIES_MAX; i++) {
			source.view.setUint32(0, i);
			dictionary.intern(source, 0, 4);
		}
	}).toThrow(expect.objectContaining({ code: 'too_large' }));
	expect(dictionary.length).toBe(DICTIONARY_ENTRIES_MAX);
});
