import { expect, test } from 'vitest';
import { fnv1a, HUES, serviceColor, serviceHue } from './service-color.ts';

test('the hash is FNV-1a, so colours never move between releases', () => {
	// Published test vectors of the FNV reference code.
	expect(fnv1a('')).toBe(0x811c9dc5);
	expect(fnv1a('a')).toBe(0xe40c292c);
	expect(fnv1a('foobar')).toBe(0xbf9cf968);
});

test('a name keeps its hue in both themes and both tones', () => {
	for (const theme of ['light', 'dark'] as const)
		for (const tone of ['strong', 'soft'] as const) expect(serviceColor('orders', theme, tone)).toContain(` ${serviceHue('orders')})`);
});

test('no hue can be mistaken for an error', () => {
	for (const hue of HUES) expect(hue < 15 || hue > 45).toBe(true);
});

test('four hundred plausible names use the whole ring', () => {
	const names = Array.from({ length: 400 }, (_, index) => `${['orders', 'cart', 'pay', 'mail'][index % 4]}-${index}`);
	expect(new Set(names.map(serviceHue)).size).toBe(HUES.length);
});
