import fc from 'fast-check';
import { expect, test } from 'vitest';
import { appendBase64, appendFromBase64 } from './base64.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { utf8Bytes, utf8Text } from './utf8.ts';

function read(text: string): Uint8Array | undefined {
	const out = new ByteBuffer(1);
	const bytes = utf8Bytes(text);
	return appendFromBase64(out, bytes, 0, bytes.length) ? out.toBytes() : undefined;
}

test('writes what Node writes and reads all four spellings of it', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
			const out = new ByteBuffer(1);
			appendBase64(out, bytes, 0, bytes.length);
			const standard = Buffer.from(bytes).toString('base64');
			expect(utf8Text(out.contents())).toBe(standard);
			for (const text of [standard, standard.replaceAll('=', ''), Buffer.from(bytes).toString('base64url')])
				expect(read(text)).toEqual(bytes);
		}),
	);
});

test.each(['a', 'abcde', 'ab c', 'ab=c', '=', '===', 'ab===', 'é'])('refuses %j', (text) => {
	expect(read(text)).toBeUndefined();
});
