/** The embedded engine's process, for tests that kill it. */

import { readdirSync, readFileSync } from 'node:fs';

/** Kills the engine process of this platform; 1 when there was one. */
export function killEngine(platformPid: number): number {
	for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
		try {
			const parent = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
			if (parent !== platformPid || !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine')) continue;
			process.kill(Number(pid), 'SIGKILL');
			return 1;
		} catch {
			// The process ended while we looked.
		}
	}
	return 0;
}
