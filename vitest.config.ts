/** Unit tests stand beside the code; black-box tests of real processes stand in test/. Machines have two cores: few workers, honest time-outs. */

import { defineConfig } from 'vitest/config';

export default defineConfig({
	test: {
		include: ['src/**/*.test.{ts,tsx}', 'test/**/*.test.ts', 'conformance/**/*.test.ts', 'tools/**/*.test.ts'],
		pool: 'forks',
		maxWorkers: 2,
		testTimeout: 30_000,
		hookTimeout: 60_000,
	},
});
