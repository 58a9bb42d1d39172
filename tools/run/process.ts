/** One child process of the demo or a test: started with its output in a log file, known to be ready by a line it prints, ended for certain. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

export interface ProcessSpec {
	readonly name: string;
	readonly command: string;
	readonly args?: readonly string[];
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/** Everything the process prints goes here. */
	readonly logFile: string;
	/** The process is ready once a line it prints matches; the match is handed back. */
	readonly ready: RegExp;
	readonly readyTimeoutMs?: number;
	/** How long after SIGTERM until SIGKILL. */
	readonly stopTimeoutMs?: number;
}

export interface Running {
	readonly name: string;
	readonly pid: number;
	readonly ready: RegExpMatchArray;
	/** Resolves when the process ends, however it ends. */
	readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
	kill(signal: NodeJS.Signals): void;
	/** SIGTERM, then SIGKILL when that takes too long. Safe twice. */
	stop(): Promise<void>;
}

/** Starts a process and waits for its ready line. Throws, with the end of its log, when it ends or stays silent before. */
export async function run(spec: ProcessSpec): Promise<Running> {
	mkdirSync(dirname(spec.logFile), { recursive: true });
	const log = createWriteStream(spec.logFile, { flags: 'a' });
	const child = spawn(spec.command, [...(spec.args ?? [])], {
		cwd: spec.cwd,
		env: { ...process.env, ...spec.env },
		stdio: ['ignore', 'pipe', 'pipe'],
		// Its own process group: Ctrl-C reaches the runner alone, which then ends everything in order.
		detached: true,
	});
	const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((settle) => {
		child.once('exit', (code, signal) => settle({ code, signal }));
		child.once('error', () => settle({ code: -1, signal: null }));
	});
	child.stdout?.pipe(log, { end: false });
	child.stderr?.pipe(log, { end: false });
	void ended.then(() => log.end());
	const stop = async (): Promise<void> => {
		if (child.exitCode !== null || child.signalCode !== null) return;
		signalGroup(child, 'SIGTERM');
		const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), spec.stopTimeoutMs ?? 10_000);
		await ended;
		clearTimeout(timer);
	};
	try {
		const ready = await readyLine(child, spec, ended);
		return { name: spec.name, pid: child.pid ?? 0, ready, ended, stop, kill: (signal) => child.kill(signal) };
	} catch (error) {
		await stop();
		throw new Error(`${spec.name}: ${(error as Error).message}\n${tail(spec.logFile)}`, { cause: error });
	}
}

function readyLine(child: ChildProcess, spec: ProcessSpec, ended: Running['ended']): Promise<RegExpMatchArray> {
	return new Promise((settle, fail) => {
		const timeoutMs = spec.readyTimeoutMs ?? 60_000;
		const timer = setTimeout(() => fail(new Error(`not ready after ${timeoutMs / 1000} s`)), timeoutMs);
		const watch = (line: string): void => {
			const match = line.match(spec.ready);
			if (match === null) return;
			clearTimeout(timer);
			settle(match);
		};
		for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on('line', watch);
		void ended.then(({ code, signal }) => {
			clearTimeout(timer);
			fail(new Error(`ended before it was ready (${signal ?? `exit code ${code}`})`));
		});
	});
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
	if (child.pid === undefined) return;
	try {
		process.kill(-child.pid, signal);
	} catch {
		// The group is gone already.
	}
}

function tail(file: string): string {
	try {
		return readFileSync(file, 'utf8').split('\n').slice(-15).join('\n');
	} catch {
		return '';
	}
}
