/** Which process a pid stands for: it is used again once its process is gone, so when that one started is part of the name. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
	readonly pid: number;
	/** '' when it was gone already. */
	readonly started: string;
}

export function processIdentity(pid: number): ProcessIdentity {
	return { pid, started: processStart(pid) ?? '' };
}

export function isAlive({ pid, started }: ProcessIdentity): boolean {
	try {
		process.kill(pid, 0);
	} catch (error) {
		// EPERM: it lives and belongs to somebody else.
		if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
	}
	return processStart(pid) === started;
}

/** Something that stays the same while a process lives and differs when its pid is used again; undefined when there is none. */
function processStart(pid: number): string | undefined {
	try {
		if (process.platform === 'linux') {
			// Field 22 of /proc/pid/stat (proc(5)), counted after the command's closing parenthesis: ticks since boot.
			const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
			const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
			return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
		}
		return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
	} catch {
		return undefined;
	}
}
