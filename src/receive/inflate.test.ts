import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.ts';
import { inflate, parseCoding } from './inflate.ts';

const MiB = 1024 * 1024;
const COMPRESS = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync } as const;

describe('inflate', () => {
	test.each(Object.keys(COMPRESS) as (keyof typeof COMPRESS)[])(
		'%s gives back what was compressed, and owes the budget exactly that',
		async (coding) => {
			await fc.assert(
				fc.asyncProperty(fc.uint8Array({ maxLength: 100_000, size: 'max' }), async (body) => {
					const budget = new ByteBudget(MiB);
					const lease = budget.lease();
					const inflated = (await inflate(coding, COMPRESS[coding](body), MiB, lease)).bytes();
					expect(Buffer.compare(inflated, body)).toBe(0);
					expect(budget.takenBytes).toBe(body.length);
					lease.release();
					expect(budget.takenBytes).toBe(0);
				}),
				{ numRuns: 30 },
			);
		},
	);

	test('exactly the limit passes, one byte more does not', async () => {
		const lease = new ByteBudget(10 * MiB).lease();
		expect((await inflate('gzip', gzipSync(Buffer.alloc(MiB)), MiB, lease)).length).toBe(MiB);
		await expect(inflate('gzip', gzipSync(Buffer.alloc(MiB + 1)), MiB, lease)).rejects.toMatchObject({
			code: 'too_large',
			retryable: false,
		});
	});

	test.each(Object.keys(COMPRESS) as (keyof typeof COMPRESS)[])('a %s bomb stops at the limit, not at its end', async (coding) => {
		const bomb = COMPRESS[coding](Buffer.alloc(64 * MiB));
		let taken = 0;
		const lease = {
			take: (bytes: number) => {
				taken += bytes;
			},
			give() {},
			release() {},
		};
		await expect(inflate(coding, bomb, 2 * MiB, lease)).rejects.toMatchObject({ code: 'too_large' });
		expect(taken).toBeLessThanOrEqual(2 * MiB);
	});

	test('stops when all requests together hold too much; that one may be tried again', async () => {
		const lease = new ByteBudget(MiB).lease();
		await expect(inflate('gzip', gzipSync(Buffer.alloc(2 * MiB)), 64 * MiB, lease)).rejects.toMatchObject({
			code: 'overloaded',
			retryable: true,
		});
	});

	test('random bytes never pass for a body', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.constantFrom('gzip' as const, 'deflate' as const, 'zstd' as const),
				fc.uint8Array({ maxLength: 200 }),
				async (coding, junk) => {
					await expect(inflate(coding, junk, MiB, new ByteBudget(MiB).lease())).rejects.toMatchObject({ code: 'malformed' });
				},
			),
			{ numRuns: 200 },
		);
	});
});

describe('Content-Encoding', () => {
	test.each([
		[undefined, undefined],
		['', undefined],
		['identity', undefined],
		['gzip', 'gzip'],
		['X-GZip', 'gzip'],
		['deflate', 'deflate'],
		['zstd', 'zstd'],
	])('%s is %s', (header, coding) => {
		expect(parseCoding(header)).toBe(coding);
	});

	test.each(['br', 'gzip, gzip', 'constructor', 'snappy'])('%s is refused', (header) => {
		expect(() => parseCoding(header)).toThrow(expect.objectContaining({ code: 'unsupported' }));
	});
});
