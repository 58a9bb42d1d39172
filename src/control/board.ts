/**
 * The notice board of remote control: it knows the document of every service, lets kits wait for the next, and remembers which kit has
 * applied which revision. A change wakes all who wait at once, which is how it is applied within a second.
 */

import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Timer } from '../base/timer.ts';
import { type ControlDocument, type ControlDocuments, mergedDocument, renderDocument } from './document.ts';

/** A document as it is sent. */
export interface Notice {
	readonly body: string;
	/** Quoted, as in the header. */
	readonly etag: string;
	/** `Throughline-Signature`, when there is a key. */
	readonly signature: string | undefined;
	readonly document: ControlDocument;
}

/** A kit that asked. */
export interface KitSeen {
	readonly service: string;
	readonly environment: string;
	readonly instance: string;
	/** `go/0.1.0` */
	readonly sdk: string;
	/** In force at the kit; 0 while its code's own settings count. */
	readonly revision: number;
	readonly seenMs: number;
}

export interface ControlBoardOptions {
	readonly documents: ControlDocuments;
	readonly revision: number;
	readonly signingKey: KeyObject | undefined;
	/** How many requests may wait at once. */
	readonly waitingMax: number;
	readonly clock: Clock;
	readonly timer: Timer;
}

/** Why a wait ended. */
export type WaitEnd = 'changed' | 'nothing' | 'full' | 'closed';

/** Notices are made when they are asked for; so many are kept until the next change. */
const NOTICES_MAX = 1_000;
const KITS_MAX = 10_000;
/** A kit asks at least every 25 s and is missed after three times that. */
const KIT_GONE_MS = 75_000;

export class ControlBoard {
	readonly #options: ControlBoardOptions;
	#documents: ControlDocuments;
	#revision: number;
	readonly #notices = new Map<string, Notice>();
	readonly #waiting = new Set<(end: WaitEnd) => void>();
	readonly #kits = new Map<string, KitSeen>();
	#closed = false;

	constructor(options: ControlBoardOptions) {
		this.#options = options;
		this.#documents = options.documents;
		this.#revision = options.revision;
	}

	get revision(): number {
		return this.#revision;
	}

	get waiting(): number {
		return this.#waiting.size;
	}

	/** What a service is to be told. */
	notice(service: string, environment: string): Notice {
		const key = JSON.stringify([service, environment]);
		const known = this.#notices.get(key);
		if (known !== undefined) return known;
		const document = mergedDocument(this.#documents, service, environment);
		const body = renderDocument(document, this.#revision);
		const etag = `"${this.#revision}-${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
		const notice = { body, etag, signature: this.#sign(service, environment, body), document };
		if (this.#notices.size < NOTICES_MAX) this.#notices.set(key, notice);
		return notice;
	}

	/** Puts up other documents and wakes all who wait. */
	change(documents: ControlDocuments, revision: number): void {
		this.#documents = documents;
		this.#revision = revision;
		this.#notices.clear();
		this.#wake('changed');
	}

	/** Waits for the next change, for `waitMs` at most, or until nobody listens any more. */
	wait(waitMs: number, signal: AbortSignal): Promise<WaitEnd> {
		if (this.#closed || signal.aborted) return Promise.resolve('closed');
		if (this.#waiting.size >= this.#options.waitingMax) return Promise.resolve('full');
		return new Promise((resolve) => {
			const end = (why: WaitEnd) => {
				this.#waiting.delete(end);
				cancel();
				signal.removeEventListener('abort', hungUp);
				resolve(why);
			};
			const hungUp = () => end('closed');
			const cancel = this.#options.timer.after(waitMs, () => end('nothing'));
			signal.addEventListener('abort', hungUp);
			this.#waiting.add(end);
		});
	}

	/** Remembers a kit that asked; the one not seen for longest is forgotten when there are too many. */
	see(kit: Omit<KitSeen, 'seenMs'>): void {
		const key = JSON.stringify([kit.service, kit.environment, kit.instance]);
		this.#kits.delete(key);
		this.#kits.set(key, { ...kit, seenMs: this.#options.clock.nowMs() });
		const [oldest] = this.#kits.keys();
		if (this.#kits.size > KITS_MAX && oldest !== undefined) this.#kits.delete(oldest);
	}

	/** The kits that are there, those seen last at the end. */
	kits(): readonly KitSeen[] {
		const since = this.#options.clock.nowMs() - KIT_GONE_MS;
		return [...this.#kits.values()].filter((kit) => kit.seenMs >= since);
	}

	/** Lets go of all who wait, and of all to come. */
	close(): void {
		this.#closed = true;
		this.#wake('closed');
	}

	/** Each takes itself out of the set, which a loop over a set allows. */
	#wake(end: WaitEnd): void {
		for (const waiting of this.#waiting) waiting(end);
	}

	/** Bound to service and environment, so that no document can be given to another. */
	#sign(service: string, environment: string, body: string): string | undefined {
		const key = this.#options.signingKey;
		if (key === undefined) return undefined;
		const message = Buffer.from(`throughline-control-v1\n${service}\n${environment}\n${body}`);
		return `ed25519=${sign(null, message, key).toString('base64')}`;
	}
}

/** DER of a PKCS #8 Ed25519 key up to its seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SEED_BYTES = 32;

/** An Ed25519 private key from the base64 of its 32-byte seed; undefined when it is none. */
export function signingKey(seed: string): KeyObject | undefined {
	const bytes = Buffer.from(seed, 'base64');
	if (bytes.length !== SEED_BYTES || bytes.toString('base64') !== seed) return undefined;
	return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: 'der', type: 'pkcs8' });
}
