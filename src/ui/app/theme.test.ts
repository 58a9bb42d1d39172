import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HUES, type ThemeName } from '../widgets/service-color.ts';

const css = readFileSync(join(import.meta.dirname, 'theme.css'), 'utf8');
const serviceColors = readFileSync(join(import.meta.dirname, '../widgets/service-color.ts'), 'utf8');

function token(theme: ThemeName, name: string): Rgb {
	const block = css.split(`:root[data-mantine-color-scheme='${theme}'] {`)[1]?.split('}')[0] ?? '';
	const value = new RegExp(`--${name}: #([0-9a-f]{6});`).exec(block)?.[1];
	if (value === undefined) throw new Error(`no --${name} in the ${theme} theme`);
	return [0, 2, 4].map((at) => Number.parseInt(value.slice(at, at + 2), 16) / 255) as unknown as Rgb;
}

type Rgb = readonly [number, number, number];

/** WCAG 2.2, relative luminance and contrast ratio. */
function luminance(rgb: Rgb): number {
	const [red, green, blue] = rgb.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)) as unknown as Rgb;
	return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: Rgb, b: Rgb): number {
	const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
	return (light + 0.05) / (dark + 0.05);
}

/** OKLCH to sRGB (Björn Ottosson, https://bottosson.github.io/posts/oklab), clipped. */
function oklch(lightness: number, chroma: number, hue: number): Rgb {
	const a = chroma * Math.cos((hue * Math.PI) / 180);
	const b = chroma * Math.sin((hue * Math.PI) / 180);
	const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
	const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
	const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
	const linear = [
		4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
		-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
		-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
	];
	return linear.map((value) => {
		const clipped = Math.min(Math.max(value, 0), 1);
		return clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
	}) as unknown as Rgb;
}

describe.each(['light', 'dark'] as const)('the %s theme is readable (WCAG AA)', (theme) => {
	test.each(['text', 'text-2', 'text-3', 'accent', 'error', 'warn', 'ok'])('--%s as text', (name) => {
		for (const surface of ['surface-0', 'surface-1', 'surface-2'])
			expect(contrast(token(theme, name), token(theme, surface)), `on --${surface}`).toBeGreaterThanOrEqual(4.5);
	});

	test('text on the soft backgrounds', () => {
		for (const [text, soft] of [
			['accent', 'accent-soft'],
			['text', 'accent-soft'],
			['text-2', 'accent-soft'],
			['text', 'error-soft'],
			['error', 'error-soft'],
			['text', 'warn-soft'],
			['warn', 'warn-soft'],
		] as const)
			expect(contrast(token(theme, text), token(theme, soft)), `--${text} on --${soft}`).toBeGreaterThanOrEqual(4.5);
	});

	test('white on a filled button', () => {
		for (const fill of ['accent-fill', 'accent-fill-hover']) expect(contrast([1, 1, 1], token(theme, fill))).toBeGreaterThanOrEqual(4.5);
	});

	test('every service colour stands out as a mark', () => {
		const [, lightness, chroma] = new RegExp(`${theme}: \\{ strong: '(\\d+)% ([\\d.]+)'`).exec(serviceColors) ?? [];
		for (const hue of HUES)
			expect(contrast(oklch(Number(lightness) / 100, Number(chroma), hue), token(theme, 'surface-1')), `hue ${hue}`).toBeGreaterThanOrEqual(
				3,
			);
	});
});
