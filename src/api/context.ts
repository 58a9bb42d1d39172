/** What every resource of the API is given: the one object the composition root fills in. */

import type {
	FastifyBaseLogger,
	FastifyInstance,
	FastifyReply,
	RawReplyDefaultExpression,
	RawRequestDefaultExpression,
	RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Clock } from '../base/clock.ts';
import type { ControlBoard } from '../control/board.ts';
import type { PipelineResponse, StatusResponse } from './contract.ts';
import { Inquiry, type QueryEngine } from './engine.ts';
import { SpanBudget } from './span-budget.ts';

/** Two of the largest traces, or very many small ones: under a gigabyte. */
const SPANS_HELD_MAX = 200_000;

export interface HealthReport {
	/** True when requests can be served now. */
	readonly ready: boolean;
	/** One sentence for each part that is not ready. */
	readonly reasons: readonly string[];
}

export interface ApiOptions {
	readonly engine: QueryEngine;
	/** What the platform knows of itself; what is stored is asked of the engine. */
	readonly status: () => Omit<StatusResponse, 'hasData' | 'lastSpanMs'>;
	/** The account of what came in since the process started. */
	readonly pipeline: () => Promise<PipelineResponse>;
	readonly health: () => HealthReport | Promise<HealthReport>;
	/** The Prometheus exposition text (version 0.0.4). */
	readonly metricsText: () => Promise<string>;
	/** Directory of the built UI; it may be missing and may appear later. */
	readonly uiDir: string;
	/** What kits are told. */
	readonly control: ControlBoard;
	/** Address the server binds; a loopback one turns the Host check on. */
	readonly bindHost: string;
	/** Host headers answered beside localhost and IP addresses. */
	readonly allowedHosts: readonly string[];
	/** Budget of one request over all its queries. */
	readonly queryTimeoutMs: number;
	readonly clock: Clock;
	readonly log: FastifyBaseLogger;
	/** Adds hooks (tracing) before the first route. */
	readonly instrument?: ((app: ApiApp) => void) | undefined;
}

export type ApiApp = FastifyInstance<
	RawServerDefault,
	RawRequestDefaultExpression,
	RawReplyDefaultExpression,
	FastifyBaseLogger,
	ZodTypeProvider
>;

export interface ApiContext extends ApiOptions {
	/** Begins the inquiry of one request; it ends when the client hangs up before the answer is complete. */
	ask(reply: FastifyReply): Inquiry;
	/** Waits for room to hold this many spans in memory; it is given back when the answer has been read or the client hangs up. */
	hold(reply: FastifyReply, spans: number): Promise<void>;
}

export type Resource = (app: ApiApp, context: ApiContext) => void;

export function apiContext(options: ApiOptions): ApiContext {
	const budget = new SpanBudget(SPANS_HELD_MAX, options.queryTimeoutMs);
	return {
		...options,
		async hold(reply, spans) {
			const giveBack = await budget.take(spans, hangUpSignal(reply));
			if (reply.raw.closed) giveBack();
			else reply.raw.once('close', giveBack);
		},
		ask: (reply) => new Inquiry(options.engine, hangUpSignal(reply), options.clock, options.queryTimeoutMs),
	};
}

function hangUpSignal(reply: FastifyReply): AbortSignal {
	const controller = new AbortController();
	reply.raw.once('close', () => {
		if (!reply.raw.writableFinished) controller.abort();
	});
	return controller.signal;
}
