/** What processes cost, read from /proc: CPU by thread name, and the most memory they ever held. Linux only, as the embedded engine is. */

import { readdirSync, readFileSync } from 'node:fs';

/** Thread name -> microseconds of CPU. Threads that ended are missing, so it is for processes whose threads live. */
export type ThreadCpu = ReadonlyMap<string, number>;

/** A process and everything it started, as they are now. */
export function processTree(pid: number): number[] {
	const children = threadsOf(pid).flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number));
	return [pid, ...children.flatMap(processTree)];
}

/** User and system time of a process, ended threads included, in microseconds; the kernel counts it in ticks of 10 ms. */
export function processCpuMicros(pid: number): number {
	const stat = read(`/proc/${pid}/stat`);
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10_000;
}

/** To the nanosecond, from the scheduler's own account. */
export function threadCpu(pid: number): ThreadCpu {
	const byName = new Map<string, number>();
	for (const thread of threadsOf(pid)) {
		const name = read(`/proc/${pid}/task/${thread}/comm`).trim();
		const ran = Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0) / 1000;
		byName.set(name, (byName.get(name) ?? 0) + ran);
	}
	return byName;
}

/** What was spent between two readings. */
export function spent(before: ThreadCpu, after: ThreadCpu, includes: (thread: string) => boolean = () => true): number {
	let micros = 0;
	for (const [name, cpu] of after) if (includes(name)) micros += Math.max(0, cpu - (before.get(name) ?? 0));
	return micros;
}

/** Peak resident memory, MiB. */
export function peakMiB(pid: number): number {
	return Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

/** Resident memory now, MiB. */
export function residentMiB(pid: number): number {
	return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

function threadsOf(pid: number): string[] {
	try {
		return readdirSync(`/proc/${pid}/task`);
	} catch {
		return [];
	}
}

function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return ''; // The process or thread has ended.
	}
}
