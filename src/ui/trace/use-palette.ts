/** The colours of a trace in the current theme, as text a canvas takes. */

import { useMemo } from 'react';
import { useThemeName } from '../app/theme.ts';
import { serviceColor } from '../widgets/service-color.ts';
import type { BarPalette } from './draw-bars.ts';
import type { TraceModel } from './model.ts';

export function usePalette(model: TraceModel): BarPalette {
	const themeName = useThemeName();
	return useMemo(() => {
		const styles = getComputedStyle(document.documentElement);
		const color = (name: string): string => styles.getPropertyValue(name).trim();
		const { services } = model.response;
		return {
			strong: asRgb(services.map(({ service }) => serviceColor(service, themeName, 'strong'))),
			soft: asRgb(services.map(({ service }) => serviceColor(service, themeName, 'soft'))),
			line: color('--line'),
			lineStrong: color('--line-strong'),
			text: color('--text'),
			text2: color('--text-2'),
			surface: color('--surface-1'),
			error: color('--error'),
			critical: color('--critical'),
			warn: color('--warn'),
			accent: color('--accent'),
		};
	}, [model, themeName]);
}

/** A canvas reads `#rrggbb` much faster than `oklch()`, and reads it for every bar. The canvas itself does the conversion. */
function asRgb(colors: readonly string[]): readonly string[] {
	const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
	if (context === null) return colors;
	return colors.map((color) => {
		context.fillStyle = color;
		context.fillRect(0, 0, 1, 1);
		const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
		return `#${((red << 16) | (green << 8) | blue).toString(16).padStart(6, '0')}`;
	});
}
