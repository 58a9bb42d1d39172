/**
 * Keeps the embedded engine's process alive: starts it, knows when it answers, starts it again when it dies, stops it in the end.
 * Everybody else asks `endpoint()`, which waits out a restart.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '../../base/clock.ts';
import { Failure } from '../../base/errors.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { type EngineSettings, type FromEngine, HAND_OVER_DIR, type ToEngine, WRITE_SESSIONS } from './messages.ts';
import { endOrphan, rememberEngine } from './orphan.ts';

export interface Backoff {
	/** Pause before the second restart in a row; it doubles from there. The first follows at once. */
	readonly firstMs: number;
	readonly maxMs: number;
	/** An engine that lived this long was healthy: its death starts the count anew. */
	readonly healthyMs: number;
}

export interface EmbeddedEngineOptions {
	/** Folder of the engine's own; created when missing, locked while in use. */
	readonly dir: string;
	/** Reads that run at once. Default 4. */
	readonly sessions?: number;
	/** Ceiling for the engine's process. Default 1 GiB. */
	readonly memoryBytesMax?: number;
	readonly backoff?: Backoff;
	/** How long the first start goes on trying: what an earlier, killed platform has left may still be dying. Default 10 000. */
	readonly firstStartMs?: number;
	readonly clock?: Clock;
	readonly onEvent?: (event: EngineEvent) => void;
}

/** What an operator may want in the log. */
export type EngineEvent =
	| { readonly type: 'ready'; readonly pid: number; readonly port: number; readonly startMs: number; readonly repaired: readonly string[] }
	| { readonly type: 'died'; readonly pid: number; readonly reason: string; readonly restartInMs: number; readonly lastWords: string }
	| { readonly type: 'orphan ended'; readonly pid: number }
	| { readonly type: 'stopped' };

export type EngineState = 'starting' | 'ready' | 'restarting' | 'stopped';

export interface Endpoint {
	readonly url: string;
	readonly username: string;
	readonly password: string;
	/** Grows with every start of the process. */
	readonly generation: number;
}

const GiB = 1024 ** 3;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;
const BACKOFF: Backoff = { firstMs: 50, maxMs: 5_000, healthyMs: 30_000 };
const FIRST_START_MS = 10_000;
/** glibc's malloc (Node) and jemalloc (the library) keep freed pages per thread and for long; a small machine wants them back. */
const ALLOCATORS = { MALLOC_ARENA_MAX: '2', MALLOC_CONF: 'dirty_decay_ms:1000,muzzy_decay_ms:0' } as const;
const LAST_WORDS_BYTES = 4096;
/** Threads of the child's pool beside its sessions: file work, and the statement that kills another. */
const SPARE_THREADS = 4;

interface Waiter {
	readonly resolve: (endpoint: Endpoint) => void;
	readonly reject: (error: Failure) => void;
}

export class EmbeddedEngine implements AsyncDisposable {
	readonly #options: EmbeddedEngineOptions;
	readonly #clock: Clock;
	readonly #lock: DirectoryLock;
	readonly #password = randomBytes(32).toString('base64url');
	readonly #waiters = new Set<Waiter>();
	#state: EngineState = 'starting';
	#restarts = 0;
	#generation = 0;
	#failures = 0;
	#port = 0;
	#child: ChildProcess | undefined;
	#timer: NodeJS.Timeout | undefined;
	#stopping: Promise<void> | undefined;

	/**
	 * Locks the folder, starts the engine and waits until it answers.
	 * Throws `Failure`: `conflict` when another process uses the folder, `unsupported` when the library is not installed here,
	 * `unavailable` when the engine does not come up.
	 */
	static async start(options: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
		const engine = new EmbeddedEngine(options);
		try {
			await engine.#firstStart();
			return engine;
		} catch (error) {
			await engine[Symbol.asyncDispose]();
			throw error;
		}
	}

	private constructor(options: EmbeddedEngineOptions) {
		this.#options = options;
		this.#clock = options.clock ?? systemClock;
		this.#lock = lockDirectory(options.dir);
		rmSync(this.handOverDir, { recursive: true, force: true });
		mkdirSync(this.handOverDir);
	}

	/** Where files lie that a statement names as `file('handed-over/…')`. */
	get handOverDir(): string {
		return join(this.#options.dir, HAND_OVER_DIR);
	}

	get state(): EngineState {
		return this.#state;
	}

	/** How often the engine was started again after it had died. */
	get restarts(): number {
		return this.#restarts;
	}

	/** Of the running process; undefined while there is none. */
	get pid(): number | undefined {
		return this.#child?.pid;
	}

	/** Where the engine answers. Waits while it starts or restarts: at most `withinMs`, then throws `Failure('unavailable')`. */
	async endpoint(withinMs: number, signal?: AbortSignal): Promise<Endpoint> {
		if (this.#state === 'ready') return this.#endpoint();
		if (this.#state === 'stopped') throw stopped();
		signal?.throwIfAborted();
		return await new Promise<Endpoint>((resolve, reject) => {
			const done = () => {
				clearTimeout(timer);
				signal?.removeEventListener('abort', onAbort);
				this.#waiters.delete(waiter);
			};
			const waiter: Waiter = {
				resolve: (endpoint) => {
					done();
					resolve(endpoint);
				},
				reject: (error) => {
					done();
					reject(error);
				},
			};
			const onAbort = () => waiter.reject(new Failure('cancelled', 'cancelled while the engine was starting'));
			const timer = setTimeout(() => waiter.reject(new Failure('unavailable', `the engine did not start within ${withinMs} ms`)), withinMs);
			signal?.addEventListener('abort', onAbort, { once: true });
			this.#waiters.add(waiter);
		});
	}

	/** Ends running statements, then the process; kills it when that takes too long. Safe to call twice. */
	async [Symbol.asyncDispose](): Promise<void> {
		this.#stopping ??= this.#stop();
		await this.#stopping;
	}

	async #firstStart(): Promise<void> {
		const orphan = await endOrphan(this.#options.dir);
		if (orphan !== undefined) this.#options.onEvent?.({ type: 'orphan ended', pid: orphan });
		const deadline = this.#clock.monotonicMs() + (this.#options.firstStartMs ?? FIRST_START_MS);
		for (;;) {
			try {
				await this.#launch();
				return;
			} catch (error) {
				if (error instanceof Failure && !error.retryable) throw error;
				if (this.#clock.monotonicMs() >= deadline) throw error;
				await new Promise((resolve) => setTimeout(resolve, 250));
			}
		}
	}

	/** Starts one process; resolves when it answers, rejects when it cannot. From then on its death leads to a restart. */
	#launch(): Promise<void> {
		const startedAt = this.#clock.monotonicMs();
		const sessions = this.#options.sessions ?? 4;
		const child = fork(fileURLToPath(new URL('./engine.ts', import.meta.url)), [], {
			execArgv: ['--max-old-space-size=256'],
			env: {
				...process.env,
				UV_THREADPOOL_SIZE: String(sessions + WRITE_SESSIONS + SPARE_THREADS),
				TZ: 'UTC',
				NODE_OPTIONS: '',
				...ALLOCATORS,
			},
			stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
			serialization: 'advanced',
		});
		this.#child = child;
		if (child.pid !== undefined) rememberEngine(this.#options.dir, child.pid);
		const lastWords = keepLastWords(child);
		const settings: EngineSettings = {
			dir: this.#options.dir,
			port: this.#port,
			password: this.#password,
			sessions,
			memoryBytesMax: this.#options.memoryBytesMax ?? GiB,
		};
		send(child, { type: 'start', settings });
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
			let ready = false;
			let failure: Failure | undefined;
			child.on('message', (message: FromEngine) => {
				clearTimeout(timer);
				if (message.type === 'failed') {
					failure = startFailure(message, lastWords());
					return;
				}
				ready = true;
				this.#port = message.port;
				this.#generation++;
				this.#becomeReady(child, this.#clock.monotonicMs() - startedAt, message.repaired);
				resolve();
			});
			child.on('error', (cause) => {
				failure ??= new Failure('unavailable', `cannot start the engine's process: ${cause.message}`, { cause });
			});
			child.on('exit', (code, signal) => {
				clearTimeout(timer);
				const reason = signal === null ? `exit code ${code}` : `signal ${signal}`;
				if (this.#child === child) this.#child = undefined;
				if (ready) this.#afterDeath(child.pid ?? 0, reason, lastWords(), this.#clock.monotonicMs() - startedAt);
				else reject(failure ?? new Failure('unavailable', `the engine ended while it was starting (${reason}): ${lastWords()}`));
			});
		});
	}

	#becomeReady(child: ChildProcess, startMs: number, repaired: readonly string[]): void {
		if (this.#stopping !== undefined) return;
		this.#state = 'ready';
		this.#options.onEvent?.({ type: 'ready', pid: child.pid ?? 0, port: this.#port, startMs, repaired });
		for (const waiter of this.#waiters) waiter.resolve(this.#endpoint());
	}

	#afterDeath(pid: number, reason: string, lastWords: string, livedMs: number): void {
		if (this.#stopping !== undefined) return;
		this.#state = 'restarting';
		const backoff = this.#options.backoff ?? BACKOFF;
		this.#failures = livedMs >= backoff.healthyMs ? 0 : this.#failures + 1;
		const restartInMs = this.#failures < 2 ? 0 : Math.min(backoff.firstMs * 2 ** (this.#failures - 2), backoff.maxMs);
		this.#options.onEvent?.({ type: 'died', pid, reason, restartInMs, lastWords });
		this.#timer = setTimeout(() => this.#restart(), restartInMs);
	}

	#restart(): void {
		const startedAt = this.#clock.monotonicMs();
		this.#restarts++;
		this.#launch().catch((error: unknown) => {
			const reason = error instanceof Error ? error.message : String(error);
			this.#afterDeath(0, reason, '', this.#clock.monotonicMs() - startedAt);
		});
	}

	#endpoint(): Endpoint {
		return { url: `http://127.0.0.1:${this.#port}`, username: 'default', password: this.#password, generation: this.#generation };
	}

	async #stop(): Promise<void> {
		clearTimeout(this.#timer);
		this.#state = 'stopped';
		for (const waiter of this.#waiters) waiter.reject(stopped());
		const child = this.#child;
		if (child !== undefined && child.exitCode === null && child.signalCode === null) {
			const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
			const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS + 1_000);
			send(child, { type: 'stop', withinMs: STOP_TIMEOUT_MS });
			await gone;
			clearTimeout(timer);
		}
		this.#lock.release();
		this.#options.onEvent?.({ type: 'stopped' });
	}
}

function stopped(): Failure {
	return new Failure('unavailable', 'the engine has been stopped', { retryable: false });
}

/** A process that is gone already says so by its exit. */
function send(child: ChildProcess, message: ToEngine): void {
	if (child.connected) child.send(message, () => {});
}

function startFailure(message: Extract<FromEngine, { type: 'failed' }>, lastWords: string): Failure {
	if (message.missing)
		return new Failure('unsupported', `the embedded engine is not available on this machine: ${message.message}`, {
			hint: "the package 'chdb' exists for Linux (glibc) and macOS; elsewhere set storage.clickhouse.url to a ClickHouse server",
		});
	return new Failure('unavailable', `the engine cannot start: ${message.message} ${lastWords}`.trim());
}

/** The end of what the process wrote to its error stream: the only place where the library says why it aborted. */
function keepLastWords(child: ChildProcess): () => string {
	let words = '';
	child.stderr?.setEncoding('utf8');
	child.stderr?.on('data', (text: string) => {
		words = (words + text).slice(-LAST_WORDS_BYTES);
	});
	return () => words.trim();
}
