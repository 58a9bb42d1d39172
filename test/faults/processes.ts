/** What the kernel says about processes (Linux, proc(5)): the fault run finds its victims here, and looks whether any outlives its platform. */

import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessId {
	readonly pid: number;
	/** Ticks since boot: a pid that is used again belongs to another process. */
	readonly started: string;
}

/** Direct children whose command line contains `word`. */
export function children(parent: number, word: string): ProcessId[] {
	const found: ProcessId[] = [];
	for (const name of readdirSync('/proc')) {
		if (!/^\d+$/.test(name)) continue;
		const stat = statOf(Number(name));
		if (stat?.parent === parent && read(`/proc/${name}/cmdline`).includes(word)) found.push({ pid: Number(name), started: stat.started });
	}
	return found;
}

export function processId(pid: number): ProcessId | undefined {
	const stat = statOf(pid);
	return stat === undefined ? undefined : { pid, started: stat.started };
}

export function isAlive({ pid, started }: ProcessId): boolean {
	const stat = statOf(pid);
	return stat !== undefined && stat.started === started && stat.state !== 'Z';
}

/** Resident set: pages in memory, those of its program files included. */
export function residentBytes(pid: number): number {
	const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1];
	return Number(kib ?? 0) * 1024;
}

function statOf(pid: number): { state: string; parent: number; started: string } | undefined {
	const text = read(`/proc/${pid}/stat`);
	// The command stands in parentheses and may contain anything; fields 3, 4 and 22 follow it.
	const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
	return fields.length < 20 ? undefined : { state: fields[0] ?? '', parent: Number(fields[1]), started: fields[19] ?? '' };
}

function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return ''; // It ended meanwhile.
	}
}
