import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBuffer } from './byte-buffer.ts';
import { appendDecimal64, toBigInt64, toBigUint64, toNumber64 } from './int64.ts';
import { utf8Text } from './utf8.ts';

const edges = fc.constantFrom(
	0n,
	9n,
	10n,
	-1n,
	-10n,
	2n ** 31n,
	2n ** 32n - 1n,
	2n ** 53n - 1n,
	2n ** 53n,
	-(2n ** 53n),
	2n ** 63n - 1n,
	-(2n ** 63n),
);

test('halves mean what a bigint of the same bits means', () => {
	fc.assert(
		fc.property(fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.integer().map(BigInt), edges), (value) => {
			const lo = Number(BigInt.asIntN(32, value));
			const hi = Number(BigInt.asIntN(32, value >> 32n));
			const out = new ByteBuffer(1);
			appendDecimal64(out, lo, hi);
			expect(utf8Text(out.contents())).toBe(String(value));
			expect(toBigInt64(lo, hi)).toBe(value);
			expect(toBigUint64(lo, hi)).toBe(BigInt.asUintN(64, value));
			expect(toNumber64(lo, hi)).toBe(Number(value));
		}),
		{ numRuns: 2000 },
	);
});
