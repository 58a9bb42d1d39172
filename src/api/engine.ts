/**
 * How a request asks the engine: one `Inquiry` per request carries the caller's patience (a time budget over all of its queries, and
 * a signal that ends them when the client hangs up) and adds up what they cost.
 */

import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import type { Plan } from '../query/plan.ts';
import type { TimeRange } from '../query/time-range.ts';
import type { Store } from '../store/client.ts';
import type { QueryMeta } from './contract.ts';

/** The part of the store the API reads through. */
export type QueryEngine = Pick<Store, 'query'>;

export class Inquiry {
	readonly #engine: QueryEngine;
	readonly #signal: AbortSignal;
	readonly #clock: Clock;
	#startMs: number;
	readonly #timeoutMs: number;
	#rowsRead = 0;

	constructor(engine: QueryEngine, signal: AbortSignal, clock: Clock, timeoutMs: number) {
		this.#engine = engine;
		this.#signal = signal;
		this.#clock = clock;
		this.#timeoutMs = timeoutMs;
		this.#startMs = clock.monotonicMs();
	}

	/** Runs one plan with what is left of the budget. */
	async rows<Row>(plan: Plan<Row>): Promise<readonly Row[]> {
		const timeoutMs = Math.ceil(this.#timeoutMs - this.#elapsedMs());
		if (this.#signal.aborted) throw new Failure('cancelled', 'the client went away');
		if (timeoutMs <= 0) throw new Failure('timeout', `the query took longer than ${this.#timeoutMs} ms`, { hint: TIMEOUT_HINT });
		try {
			const result = await this.#engine.query<Row>(plan.sql, plan.params, { abortSignal: this.#signal, timeoutMs });
			this.#rowsRead += result.rowsRead;
			return result.rows;
		} catch (error) {
			// Hanging up breaks the query in one place or another; whatever it threw there, this is why.
			if (this.#signal.aborted) throw new Failure('cancelled', 'the client went away', { cause: error });
			throw error;
		}
	}

	/** Gives the next part of a streamed answer a budget of its own: how long the whole takes is up to its length and its reader. */
	restart(): void {
		this.#startMs = this.#clock.monotonicMs();
	}

	meta({ fromMs, toMs }: TimeRange, truncated = false): QueryMeta {
		return { rowsRead: this.#rowsRead, elapsedMs: Math.round(this.#elapsedMs() * 10) / 10, truncated, fromMs, toMs };
	}

	#elapsedMs(): number {
		return this.#clock.monotonicMs() - this.#startMs;
	}
}

export const TIMEOUT_HINT = 'ask for a shorter time range or add a service filter; api.queryTimeoutMs sets the limit';
