import { expect, test } from 'vitest';
import { acceptsGzip } from './compression.ts';

test.each([
	['gzip, deflate, br', true],
	['br;q=1.0, gzip;q=0.8, *;q=0.1', true],
	['*', true],
	['x-gzip', true],
	['GZIP', true],
	['gzip;q=0', false],
	['gzip;q=0.000, *', false],
	['br', false],
	['identity', false],
	['*;q=0', false],
	['', false],
	[undefined, false],
])('Accept-Encoding %s', (header, accepted) => {
	expect(acceptsGzip(header)).toBe(accepted);
});
