import { describe, expect, test } from 'vitest';
import { hostAllowed } from './security.ts';

const loopback = { bindHost: '127.0.0.1', allowedHosts: ['traces.example.com'] };

describe('on loopback', () => {
	test.each([
		'localhost',
		'localhost:4380',
		'LOCALHOST:1',
		'app.localhost',
		'localhost.',
		'127.0.0.1:4380',
		'[::1]:4380',
		'192.168.1.5',
		'traces.example.com:80',
		undefined,
	])('%s is answered', (host) => {
		expect(hostAllowed(host, loopback)).toBe(true);
	});

	test.each([
		'evil.example',
		'localhost.evil.example',
		'evil.example:4380',
		'127.0.0.1.evil.example',
		'',
		'a b',
		'localhost:4380:1',
		'user@localhost',
		'[evil]',
	])('%s is refused: a page may have pointed its own name at us', (host) => {
		expect(hostAllowed(host, loopback)).toBe(false);
	});
});

test('bound to the network, any name is answered unless names are listed', () => {
	expect(hostAllowed('anything.example', { bindHost: '0.0.0.0', allowedHosts: [] })).toBe(true);
	expect(hostAllowed('anything.example', { bindHost: '0.0.0.0', allowedHosts: ['a.example'] })).toBe(false);
});
