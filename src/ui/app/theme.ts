/** Mantine, told to look like the rest: small, square-ish, quiet. Colours and sizes live in theme.css, where both themes stand side by side. */

import { createTheme, localStorageColorSchemeManager, type MantineThemeOverride, Popover, useComputedColorScheme } from '@mantine/core';
import type { ThemeName } from '../widgets/service-color.ts';

export const theme: MantineThemeOverride = createTheme({
	primaryColor: 'teal',
	defaultRadius: 4,
	fontFamily: 'var(--font-text)',
	fontFamilyMonospace: 'var(--font-code)',
	cursorType: 'pointer',
	components: {
		Popover: Popover.extend({ defaultProps: { transitionProps: { duration: 80 }, shadow: 'md' } }),
	},
});

/** The same key as public/theme-start.js. */
export const colorSchemeManager = localStorageColorSchemeManager({ key: 'throughline.theme' });

export function useThemeName(): ThemeName {
	return useComputedColorScheme('light', { getInitialValueInEffect: false });
}
