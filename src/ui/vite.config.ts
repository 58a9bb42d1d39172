/** Builds the UI into `dist/ui`: static files with hashed names, no inline script or style, so that a strict Content-Security-Policy holds. */

import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
	root: import.meta.dirname,
	plugins: [react()],
	build: {
		outDir: resolve(import.meta.dirname, '../../dist/ui'),
		emptyOutDir: true,
		target: 'es2023',
		// Fonts stay files: the policy allows fonts from the same origin only.
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
	},
	server: { port: 4381, strictPort: true, host: '127.0.0.1', proxy: { '/api': 'http://127.0.0.1:4380' } },
});
