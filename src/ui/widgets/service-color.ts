/**
 * A service has one colour, everywhere and for ever: a hash of its name picks a hue from a fixed ring, and the theme adds lightness
 * and chroma, equal for all hues so that no service shouts. The ring leaves out red (it means error) and amber (it means warning).
 */

export type ThemeName = 'light' | 'dark';

/** OKLCH hues in degrees, 15 apart; 0..90, where red and amber live, is left out. */
export const HUES: readonly number[] = [105, 120, 135, 150, 165, 180, 195, 210, 225, 240, 255, 270, 285, 300, 315, 330, 345];

/** FNV-1a, 32 bits, over the UTF-8 bytes of the text (Fowler, Noll, Vo; offset basis 2166136261, prime 16777619). */
export function fnv1a(name: string): number {
	let hash = 0x811c9dc5;
	for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
	return hash >>> 0;
}

const hueOf = new Map<string, number>();

/** Degrees on the OKLCH ring. */
export function serviceHue(service: string): number {
	const known = hueOf.get(service);
	if (known !== undefined) return known;
	const hash = fnv1a(service);
	// The low bits of FNV mix poorly for short names; folding brings the high ones in.
	const hue = HUES[((hash ^ (hash >>> 17)) >>> 0) % HUES.length] as number;
	hueOf.set(service, hue);
	return hue;
}

const TONE: Readonly<Record<ThemeName, { strong: string; soft: string }>> = {
	// Strong tones stand 3:1 or more against the surface of their theme, as graphics must (WCAG 1.4.11).
	light: { strong: '58% 0.13', soft: '80% 0.075' },
	dark: { strong: '74% 0.12', soft: '47% 0.075' },
};

/** CSS colour of a service: `strong` for marks and self time, `soft` for the time spent in children. */
export function serviceColor(service: string, theme: ThemeName, tone: 'strong' | 'soft' = 'strong'): string {
	return `oklch(${TONE[theme][tone]} ${serviceHue(service)})`;
}
