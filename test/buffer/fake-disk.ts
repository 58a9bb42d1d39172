/**
 * A fake disk and a fake clock for histories that no real disk would repeat: operations finish when the test says so, unsynced
 * writes are lost or torn at a crash, and writes and syncs fail on demand as disks do (a failed sync drops the pages it failed on).
 */

import { dirname } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import type { Timer } from '../../src/base/timer.ts';
import type { Files, WritableFile } from '../../src/buffer/files.ts';

/** Numbers from a seed (mulberry32), so that a failing history can be run again. */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed >>> 0;
	}

	/** In [0, 1). */
	next(): number {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let t = this.#state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	}

	/** An integer in [0, limit). */
	below(limit: number): number {
		return Math.floor(this.next() * limit);
	}

	chance(probability: number): boolean {
		return this.next() < probability;
	}

	bytes(count: number): Uint8Array {
		const words = new Uint32Array(Math.ceil(count / 4));
		for (let index = 0; index < words.length; index++) words[index] = this.below(2 ** 32);
		return new Uint8Array(words.buffer, 0, count);
	}
}

export class FakeTime implements Clock, Timer {
	#passedMs = 0;
	#epochMs = 1_700_000_000_000;
	#timers: { atMs: number; run: () => void }[] = [];

	nowMs(): number {
		return this.#epochMs + this.#passedMs;
	}

	monotonicMs(): number {
		return this.#passedMs;
	}

	/** Somebody sets the clock; time itself goes on as before. */
	jump(byMs: number): void {
		this.#epochMs += byMs;
	}

	after(delayMs: number, run: () => void): () => void {
		const timer = { atMs: this.#passedMs + delayMs, run };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter((other) => other !== timer);
		};
	}

	/** Goes on to the next timer and fires it; false when there is none. */
	fireNext(): boolean {
		const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
		if (next === undefined) return false;
		this.#timers = this.#timers.filter((other) => other !== next);
		this.#passedMs = Math.max(this.#passedMs, next.atMs);
		next.run();
		return true;
	}

	pass(ms: number): void {
		this.#passedMs += ms;
	}

	forget(): void {
		this.#timers = [];
	}
}

interface Unsynced {
	readonly offset: number;
	/** undefined: cut the file off at `offset`. */
	readonly bytes: Uint8Array | undefined;
}

class Inode {
	cached: Uint8Array = new Uint8Array();
	durable: Uint8Array = new Uint8Array();
	unsynced: Unsynced[] = [];

	apply(change: Unsynced): void {
		this.cached = patched(this.cached, change);
		this.unsynced.push(change);
	}
}

const SECTOR = 64;

function patched(content: Uint8Array, { offset, bytes }: Unsynced): Uint8Array {
	if (bytes === undefined) return content.slice(0, offset);
	const next = new Uint8Array(Math.max(content.length, offset + bytes.length));
	next.set(content);
	next.set(bytes, offset);
	return next;
}

/** What a crash makes of a write that was not synced: each sector there or not. */
function torn(content: Uint8Array, change: Unsynced, random: Random): Uint8Array {
	if (random.chance(0.3)) return content;
	if (change.bytes === undefined || random.chance(0.3)) return patched(content, change);
	let next = content;
	for (let at = 0; at < change.bytes.length; at += SECTOR)
		if (random.chance(0.6)) next = patched(next, { offset: change.offset + at, bytes: change.bytes.subarray(at, at + SECTOR) });
	return next;
}

type Entries = Map<string, Inode>;

export class FakeDisk {
	readonly #random: Random;
	#cached: Entries = new Map();
	#durable: Entries = new Map();
	/** Changes to directories since the last sync, in order. */
	#journal: ((entries: Entries) => void)[] = [];
	#waiting: { effect: () => unknown; resolve: (value: unknown) => void; reject: (error: unknown) => void }[] = [];
	#generation = 0;
	/** Probability that the next operation fails: any but listing a directory and asking for sizes. */
	failure = 0;
	freeBytes = Number.POSITIVE_INFINITY;

	constructor(random: Random) {
		this.#random = random;
	}

	/** Finishes one operation under way, any of them; false when there is none. */
	step(): boolean {
		const [operation] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
		if (operation === undefined) return false;
		try {
			operation.resolve(operation.effect());
		} catch (error) {
			operation.reject(error);
		}
		return true;
	}

	/** Power loss: operations under way may or may not have happened, unsynced data may be there in part. Old handles stay silent. */
	crash(): void {
		const random = this.#random;
		for (const { effect } of this.#waiting)
			if (random.chance(0.5)) {
				try {
					effect();
				} catch {
					// Nobody is left to tell.
				}
			}
		this.#waiting = [];
		this.#generation++;
		for (const change of this.#journal.slice(0, random.below(this.#journal.length + 1))) change(this.#durable);
		this.#journal = [];
		for (const inode of new Set(this.#durable.values())) {
			for (const change of inode.unsynced) inode.durable = torn(inode.durable, change, random);
			inode.unsynced = [];
			inode.cached = inode.durable;
		}
		this.#cached = new Map(this.#durable);
	}

	paths(): string[] {
		return [...this.#cached.keys()].sort();
	}

	contents(path: string): Uint8Array | undefined {
		return this.#cached.get(path)?.cached;
	}

	/** Changes bytes on the platter, within what the file holds. */
	damage(path: string, offset: number, bytes: Uint8Array): void {
		const inode = this.#inode(path);
		for (const side of ['durable', 'cached'] as const) {
			const content = inode[side].slice();
			content.set(bytes.subarray(0, Math.max(0, content.length - offset)), Math.min(offset, content.length));
			inode[side] = content;
		}
	}

	/** The disk as one process sees it, until the next crash. */
	mount(): Files {
		const generation = this.#generation;
		const wait = <T>(effect: () => T): Promise<T> =>
			new Promise<T>((resolve, reject) => {
				if (generation !== this.#generation) return; // The process is dead; nothing it asks for ever returns.
				this.#waiting.push({ effect, resolve: resolve as (value: unknown) => void, reject });
			});
		const change = (apply: (entries: Entries) => void): void => {
			apply(this.#cached);
			this.#journal.push(apply);
		};
		const settle = (): void => {
			for (const apply of this.#journal) apply(this.#durable);
			this.#journal = [];
		};
		return {
			makeDirectory: () => wait(() => {}),
			list: (path) =>
				wait(() => [...this.#cached.keys()].filter((name) => dirname(name) === path).map((name) => name.slice(path.length + 1))),
			read: (path) =>
				wait(() => {
					this.#maybeFail('EIO');
					return this.#inode(path).cached.slice();
				}),
			size: (path) => wait(() => this.#inode(path).cached.length),
			create: (path) =>
				wait(() => {
					this.#maybeFail('ENOSPC');
					if (this.#cached.has(path)) throw errno('EEXIST');
					const inode = new Inode();
					change((entries) => entries.set(path, inode));
					return this.#writable(inode, wait);
				}),
			replace: (path, bytes) =>
				wait(() => {
					this.#maybeFail('ENOSPC');
					const inode = new Inode();
					inode.cached = inode.durable = bytes.slice();
					change((entries) => entries.set(path, inode));
					settle();
				}),
			rename: (from, to) =>
				wait(() => {
					this.#maybeFail('EIO');
					const inode = this.#inode(from);
					change((entries) => {
						entries.delete(from);
						entries.set(to, inode);
					});
				}),
			remove: (path) =>
				wait(() => {
					this.#maybeFail('EIO');
					change((entries) => entries.delete(path));
				}),
			truncate: (path, length) =>
				wait(() => {
					this.#maybeFail('EIO');
					this.#inode(path).apply({ offset: length, bytes: undefined });
				}),
			syncDirectory: () =>
				wait(() => {
					this.#maybeFail('EIO');
					settle();
				}),
			freeBytes: () => wait(() => this.freeBytes),
		};
	}

	#writable(inode: Inode, wait: <T>(effect: () => T) => Promise<T>): WritableFile {
		return {
			write: (parts) =>
				wait(() => {
					const bytes = Buffer.concat(parts);
					const offset = inode.cached.length;
					if (this.#random.chance(this.failure)) {
						inode.apply({ offset, bytes: bytes.subarray(0, this.#random.below(bytes.length + 1)) });
						throw errno('ENOSPC');
					}
					inode.apply({ offset, bytes });
				}),
			sync: () =>
				wait(() => {
					const failing = this.#random.chance(this.failure);
					for (const write of inode.unsynced) if (!failing || this.#random.chance(0.5)) inode.durable = patched(inode.durable, write);
					inode.unsynced = [];
					if (failing) throw errno('EIO');
				}),
			close: () => wait(() => {}),
		};
	}

	#inode(path: string): Inode {
		const inode = this.#cached.get(path);
		if (inode === undefined) throw errno('ENOENT');
		return inode;
	}

	#maybeFail(code: string): void {
		if (this.#random.chance(this.failure)) throw errno(code);
	}
}

function errno(code: string): NodeJS.ErrnoException {
	return Object.assign(new Error(`${code}: fake disk`), { code });
}
