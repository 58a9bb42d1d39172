import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBuffer, ByteSource } from './byte-buffer.ts';
import { appendDouble, appendJsonDouble, appendJsonString } from './json-text.ts';
import { utf8Bytes, utf8Text } from './utf8.ts';

function written(write: (out: ByteBuffer) => void): string {
	const out = new ByteBuffer(1);
	write(out);
	return utf8Text(out.contents());
}

const doubles = fc.oneof(
	fc.double(),
	fc.integer().map((n) => n / 1000),
	fc.integer().map((n) => n / 8),
	fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, -1e-7, 1e21, 2147483.647, 2147483.648, -2147483.648, 0.001, 0.0005, 5e-324),
);

test('doubles are written as JavaScript writes them, with a sign on -0', () => {
	fc.assert(
		fc.property(doubles, (value) => {
			expect(written((out) => appendDouble(out, value))).toBe(Object.is(value, -0) ? '-0' : String(value));
		}),
		{ numRuns: 5000 },
	);
});

test('what is no JSON number stands in quotes', () => {
	expect(
		[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1.5].map((value) =>
			written((out) => appendJsonDouble(out, value)),
		),
	).toEqual(['"NaN"', '"Infinity"', '"-Infinity"', '"-0"', '0', '1.5']);
});

test('strings read back from JSON as they were', () => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), (text) => {
			const bytes = utf8Bytes(text);
			expect(JSON.parse(written((out) => appendJsonString(out, new ByteSource(bytes), 0, bytes.length)))).toBe(utf8Text(bytes));
		}),
		{ numRuns: 1000 },
	);
});
