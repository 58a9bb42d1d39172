/**
 * Bounds the memory of answers that hold whole traces. A trace in Jaeger's JSON is built in one piece and stays until the client has
 * read it: 100 000 spans are 150 MB of text made from some 300 MB of rows, and ten of them at once took the process to 3.8 GB. Small
 * answers pass side by side; large ones wait for each other, first come, first served.
 */

import { Failure } from '../base/errors.ts';

interface Waiting {
	readonly spans: number;
	admit(): void;
}

export class SpanBudget {
	readonly #spansMax: number;
	readonly #waitMs: number;
	readonly #waiting: Waiting[] = [];
	#free: number;

	/** `waitMs`: how long a request waits before it is refused as overloaded. */
	constructor(spansMax: number, waitMs: number) {
		this.#spansMax = spansMax;
		this.#waitMs = waitMs;
		this.#free = spansMax;
	}

	/**
	 * Takes room for `spans` (all there is, when they are more) and answers how to give it back, which is safe twice. Throws
	 * `Failure`: `overloaded` when there is no room in time, `cancelled` when `signal` aborts before.
	 */
	async take(spans: number, signal: AbortSignal): Promise<() => void> {
		const wanted = Math.min(spans, this.#spansMax);
		if (signal.aborted) throw gone();
		if (this.#waiting.length > 0 || wanted > this.#free) await this.#wait(wanted, signal);
		else this.#free -= wanted;
		let held = wanted;
		return () => {
			this.#free += held;
			held = 0;
			this.#admitNext();
		};
	}

	#wait(spans: number, signal: AbortSignal): Promise<void> {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		const leave = (why: Failure): void => {
			const at = this.#waiting.indexOf(waiting);
			if (at < 0) return;
			this.#waiting.splice(at, 1);
			reject(why);
			this.#admitNext();
		};
		const onAbort = (): void => leave(gone());
		const timer = setTimeout(() => leave(full()), this.#waitMs);
		signal.addEventListener('abort', onAbort, { once: true });
		const waiting: Waiting = { spans, admit: resolve };
		this.#waiting.push(waiting);
		return promise.finally(() => {
			clearTimeout(timer);
			signal.removeEventListener('abort', onAbort);
		});
	}

	#admitNext(): void {
		for (let next = this.#waiting[0]; next !== undefined && next.spans <= this.#free; next = this.#waiting[0]) {
			this.#waiting.shift();
			this.#free -= next.spans;
			next.admit();
		}
	}
}

function gone(): Failure {
	return new Failure('cancelled', 'the client went away');
}

function full(): Failure {
	return new Failure('overloaded', 'other large answers are being made and read', {
		retryAfterMs: 5_000,
		hint: 'ask again later, for fewer traces, or for one trace at /api/v1/traces/{traceId}/otlp, which is streamed',
	});
}
