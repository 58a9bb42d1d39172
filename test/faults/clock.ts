/** Compiles `clock.c` and moves the clock of whatever was started with `env`. Needs a C compiler and glibc; without them clocks do not jump. */

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface JumpingClock {
	readonly env: Readonly<Record<string, string>>;
	/** The clock shows this much more than the machine's from now on. */
	set(offsetS: number): void;
}

/** Files go to `folder`. Undefined where the trick does not work, which is tried out. */
export function jumpingClock(folder: string): JumpingClock | undefined {
	const library = join(folder, 'clock.so');
	const file = join(folder, 'clock-offset');
	const compiled = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'clock.c'), '-ldl']);
	if (compiled.status !== 0) return undefined;
	writeFileSync(file, Buffer.alloc(8));
	const env = { LD_PRELOAD: library, CLOCK_OFFSET_FILE: file };
	const set = (offsetS: number): void => {
		const bytes = Buffer.alloc(8);
		bytes.writeBigInt64LE(BigInt(Math.round(offsetS)) * 1_000_000_000n);
		const handle = openSync(file, 'r+');
		writeSync(handle, bytes, 0, 8, 0);
		closeSync(handle);
	};
	set(86_400);
	const shown = Number(execFileSync(process.execPath, ['-p', 'Date.now()'], { env: { ...process.env, ...env }, encoding: 'utf8' }));
	set(0);
	return Math.abs(shown - Date.now() - 86_400_000) < 60_000 ? { env, set } : undefined;
}
