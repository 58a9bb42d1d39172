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
			strong: services.map(({ service }) => serviceColor(service, themeName, 'strong')),
			soft: services.map(({ service }) => serviceColor(service, themeName, 'soft')),
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
