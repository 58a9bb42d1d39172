/**
 * Unit tests stand beside the code, black-box tests of real processes in test/. Those that measure time or start everything run after
 * the rest and one by one: machines have two cores. Timeouts only end what hangs; on a busy machine everything takes ten times as long.
 */

import { defineConfig } from 'vitest/config';

const ALONE = [
	'test/end-to-end/**/*.test.ts',
	'test/faults/**/*.test.ts',
	'test/limits/**/*.test.ts',
	'test/ui/**/*.test.ts',
	'conformance/**/*.test.ts',
];
const common = { pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 } as const;

export default defineConfig({
	test: {
		projects: [
			{
				test: {
					...common,
					name: 'units',
					include: ['src/**/*.test.{ts,tsx}', 'test/**/*.test.ts', 'tools/**/*.test.ts'],
					exclude: ALONE,
					maxWorkers: 2,
					sequence: { groupOrder: 0 },
				},
			},
			{ test: { ...common, name: 'end to end', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } } },
		],
	},
});
