/** Customers at a fixed rate (bench/kits/go/load), and what they and the processes they visit make of a window of time. */

import { execFile, execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
export const LOAD = join(ROOT, 'bench/kits/go/bin/load');

export interface Window {
	readonly targets: readonly {
		/** How long each request took, the shortest first. */
		readonly micros: readonly number[];
	}[];
	/** CPU time of each process, of the whole window. */
	readonly cpuMs: readonly number[];
}

export interface Traffic {
	/** Requests go to each in turn. */
	readonly targets: readonly string[];
	/** Without one the shop's checkout. */
	readonly path?: string;
	readonly ratePerSecond: number;
	readonly seconds: number;
	/** Whose CPU time is told. */
	readonly pids: readonly number[];
}

export function buildGo(): void {
	execFileSync('go', ['build', '-o', `${join(ROOT, 'bench/kits/go/bin')}/`, './load', './serve'], {
		cwd: join(ROOT, 'bench/kits/go'),
		stdio: 'inherit',
	});
}

/** Not synchronous: receivers and the log lines of services are in this process. Throws when a request failed. */
export async function drive({ targets, path, ratePerSecond, seconds, pids }: Traffic): Promise<Window> {
	const args = ['drive', '-target', targets.join(','), '-rate', String(ratePerSecond), '-for', `${seconds}s`, '-cpu', pids.join(',')];
	if (path !== undefined) args.push('-get', path);
	const { stdout } = await promisify(execFile)(LOAD, args, { maxBuffer: 64 << 20 });
	const window = JSON.parse(stdout) as Window & { targets: { failed: number; why?: string }[] };
	for (const { micros, failed, why } of window.targets)
		if (failed > 0) throw new Error(`${failed} of ${micros.length} requests failed: ${why}`);
	return window;
}

/** The quantile of all requests of one target in all windows, in ms. */
export function quantileMs(windows: readonly Window[], target: number, q: number): number {
	const all = windows.flatMap(({ targets }) => targets[target]?.micros ?? []).sort((a, b) => a - b);
	return (all[Math.min(all.length - 1, Math.floor(q * all.length))] ?? 0) / 1000;
}

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

/** Numbers to three places: what is below is noise. */
export function rounded<T extends object>(row: T): T {
	const places = (value: unknown): unknown => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);
	return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, places(value)])) as T;
}
