/**
 * Runs statements on the embedded library, a bounded number at once.
 *
 * One session runs one statement at a time, and what a statement SETs stays with its session, so every statement gets a session of
 * its own: opening one on a live engine takes about 0.2 ms and leaks nothing. `keeper` holds the engine open between statements.
 * The library cannot interrupt a call, but `KILL QUERY` from another session can: a statement is found by a tag in its `log_comment`.
 */

import type { ChdbResult, Session } from 'chdb';
import { Failure } from '../../base/errors.ts';
import { quote, type Statement, sqlText } from './statement.ts';

export interface PoolOptions {
	/** Statements of each lane that run at once: slow questions must not keep data from being stored, nor the other way round. */
	readonly sessions: Readonly<Record<Lane, number>>;
	/** Statements of a lane that may wait for a session; one more is refused with `overloaded`. */
	readonly waitingMax: number;
	/** Settings of a lane's statements, where the request sets nothing else. */
	readonly defaults: Readonly<Record<Lane, ReadonlyMap<string, string>>>;
}

export type Lane = 'read' | 'write';

/** Pause between attempts to stop a statement that has not reached the engine's process list yet. */
const KILL_RETRY_MS = 50;

export class SessionPool {
	readonly #open: () => Session;
	readonly #keeper: Session;
	readonly #defaults: PoolOptions['defaults'];
	readonly #lanes: Readonly<Record<Lane, Places>>;
	readonly #tags = new Set<string>();
	#sequence = 0;

	constructor(open: () => Session, options: PoolOptions) {
		this.#open = open;
		this.#keeper = open();
		this.#defaults = options.defaults;
		this.#lanes = {
			read: new Places(options.sessions.read, options.waitingMax),
			write: new Places(options.sessions.write, options.waitingMax),
		};
	}

	/** Runs one statement, after waiting for a session. When `signal` aborts, a waiting statement leaves and a running one is killed. */
	async run(lane: Lane, statement: Statement, signal: AbortSignal): Promise<ChdbResult> {
		await this.#lanes[lane].take(signal);
		const tag = `throughline-${++this.#sequence}`;
		this.#tags.add(tag);
		const onAbort = () => void this.#kill(tag);
		signal.addEventListener('abort', onAbort, { once: true });
		try {
			const session = this.#open();
			try {
				const defaults = new Map([...this.#defaults[lane], ['log_comment', tag]]);
				statement = { ...statement, settings: withoutLogComment(statement.settings) };
				return await session.queryAsync(sqlText(statement, defaults), { format: statement.format });
			} finally {
				session.close();
			}
		} finally {
			signal.removeEventListener('abort', onAbort);
			this.#tags.delete(tag);
			this.#lanes[lane].giveBack();
		}
	}

	/** Stops everything that runs; resolves when nothing does, or when the time is over. */
	async stop(withinMs: number): Promise<void> {
		const deadline = performance.now() + withinMs;
		for (const tag of this.#tags) void this.#kill(tag);
		while (this.#tags.size > 0 && performance.now() < deadline) await sleep(10);
	}

	close(): void {
		this.#keeper.close();
	}

	/** Asks until the statement has ended: it may not have started when asked first, and some steps notice late. */
	async #kill(tag: string): Promise<void> {
		for (let waitMs = KILL_RETRY_MS; this.#tags.has(tag); waitMs = Math.min(waitMs * 2, 1000)) {
			const session = this.#open();
			try {
				await session.queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${quote(tag)} ASYNC`, { format: 'Null' });
			} finally {
				session.close();
			}
			await sleep(waitMs);
		}
	}
}

/** A number of places and a bounded queue for them, first come, first served. */
class Places {
	readonly #waitingMax: number;
	readonly #waiting: (() => void)[] = [];
	#free: number;

	constructor(count: number, waitingMax: number) {
		this.#free = count;
		this.#waitingMax = waitingMax;
	}

	async take(signal: AbortSignal): Promise<void> {
		if (signal.aborted) throw left();
		if (this.#free > 0) {
			this.#free--;
			return;
		}
		if (this.#waiting.length >= this.#waitingMax)
			throw new Failure('overloaded', `${this.#waitingMax} statements are waiting for the engine already`);
		await new Promise<void>((resolve, reject) => {
			const enter = () => {
				signal.removeEventListener('abort', leave);
				resolve();
			};
			const leave = () => {
				this.#waiting.splice(this.#waiting.indexOf(enter), 1);
				reject(left());
			};
			signal.addEventListener('abort', leave, { once: true });
			this.#waiting.push(enter);
		});
	}

	/** Hands the place to the longest waiting, if anybody waits. */
	giveBack(): void {
		const next = this.#waiting.shift();
		if (next === undefined) this.#free++;
		else next();
	}
}

function left(): Failure {
	return new Failure('cancelled', 'the client left while its statement was waiting');
}

function withoutLogComment(settings: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
	if (!settings.has('log_comment')) return settings;
	const kept = new Map(settings);
	kept.delete('log_comment');
	return kept;
}

function sleep(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
