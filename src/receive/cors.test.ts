import { describe, expect, test } from 'vitest';
import { createCors } from './cors.ts';

describe('allowed origins', () => {
	test.each([
		['https://shop.example.com', 'https://shop.example.com', true],
		['https://shop.example.com', 'https://SHOP.example.com', true],
		['https://shop.example.com', 'http://shop.example.com', false],
		['https://shop.example.com', 'https://shopXexample.com', false],
		['https://*.example.com', 'https://a.b.example.com', true],
		['https://*.example.com', 'https://example.com', false],
		['https://*.example.com', 'https://a.example.com.evil.test', false],
		['http://localhost:*', 'http://localhost:5173', true],
		['*', 'https://anything.test', true],
	])('%s and %s: %s', (allowed, origin, expected) => {
		const answer = createCors([allowed]).headers({ origin });
		expect(answer['access-control-allow-origin']).toBe(expected ? origin : undefined);
	});

	test('with none allowed nothing is said at all', () => {
		const cors = createCors([]);
		expect(cors.headers({ origin: 'https://a.test' })).toEqual({});
		expect(cors.preflight({ origin: 'https://a.test', 'access-control-request-method': 'POST' })).toBeUndefined();
	});
});
