/** What both receivers share: what they are started with, what they give back, their limits and their numbers. */

import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Signal } from '../model/schema.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { Ingest } from './ingest.ts';

export interface ReceiverLimits {
	/** Largest request, on the wire and, counted again, inflated. The OTLP specification recommends 64 MiB. */
	readonly requestBytesMax: number;
	readonly connectionsMax: number;
	/** Time to send all headers of a request. */
	readonly headersTimeoutMs: number;
	/** Time to send the body. */
	readonly bodyTimeoutMs: number;
	/** Idle connections are closed after this; longer than the 90 s of Go's and Rust's clients, so that it is they who close. */
	readonly idleTimeoutMs: number;
	/** How long `stop` lets requests finish before it cuts them off. */
	readonly stopTimeoutMs: number;
	/** What an overloaded receiver tells senders to wait, when the part that refused does not say. */
	readonly retryAfterMs: number;
}

export const DEFAULT_RECEIVER_LIMITS: ReceiverLimits = {
	requestBytesMax: 64 * 1024 * 1024,
	connectionsMax: 4_096,
	headersTimeoutMs: 10_000,
	bodyTimeoutMs: 30_000,
	idleTimeoutMs: 120_000,
	stopTimeoutMs: 5_000,
	retryAfterMs: 5_000,
};

export interface ReceiverOptions {
	readonly host: string;
	/** 0 takes a free one. */
	readonly port: number;
	readonly ingest: Ingest;
	/** Bodies of all requests under way; one budget serves both receivers. */
	readonly inFlight: ByteBudget;
	readonly limits?: Partial<ReceiverLimits>;
	readonly log: Log;
	readonly metrics: Metrics;
	readonly clock: Clock;
}

export interface Receiver {
	/** The port listened on. */
	readonly port: number;
	/** Takes no new requests, lets those under way finish within `stopTimeoutMs`, then cuts them off. Safe to call twice. */
	stop(): Promise<void>;
}

export type Transport = 'http' | 'grpc' | 'zipkin';

/** Why a server could not listen, as a `Failure` that says which setting to change. */
export function cannotListen(transport: Transport, host: string, port: number, cause: unknown): Failure {
	const detail = cause instanceof Error ? cause.message : String(cause);
	const section = transport === 'zipkin' ? 'zipkin' : `otlp.${transport}`;
	return new Failure('conflict', `cannot listen on ${host}:${port}: ${detail}`, {
		cause,
		hint: `stop what listens there, or set ${section}.port (THROUGHLINE_${section.replace('.', '_').toUpperCase()}_PORT) and ${section}.host`,
	});
}

/** `ok`, `partial`, or the code of the failure. */
export type Outcome = string;

export interface RequestNumbers {
	readonly signal: Signal | 'none';
	readonly outcome: Outcome;
	readonly wireBytes: number;
	readonly inflatedBytes: number;
	readonly startMs: number;
}

const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts requests of one transport, and says in the log, now and then, what is refused and why. */
export class RequestLedger {
	readonly #transport: Transport;
	readonly #clock: Clock;
	readonly #log: Log;
	readonly #requests;
	readonly #wireBytes;
	readonly #inflatedBytes;
	readonly #duration;
	readonly #inFlight;
	readonly #dropped;
	readonly #budget: ByteBudget;
	readonly #quietUntilMs = new Map<string, number>();
	readonly #suppressed = new Map<string, number>();

	constructor(transport: Transport, { metrics, clock, log, inFlight }: ReceiverOptions) {
		this.#transport = transport;
		this.#clock = clock;
		this.#log = log;
		this.#budget = inFlight;
		const labels = ['transport', 'signal'];
		this.#requests = metrics.counter('throughline_receive_requests_total', 'OTLP requests answered, by outcome', [...labels, 'outcome']);
		this.#wireBytes = metrics.counter('throughline_receive_wire_bytes_total', 'Bytes of OTLP/HTTP bodies as received', labels);
		this.#inflatedBytes = metrics.counter('throughline_receive_inflated_bytes_total', 'Bytes of OTLP bodies after decompression', labels);
		this.#duration = metrics.histogram(
			'throughline_receive_duration_seconds',
			'From the first byte of an OTLP request to its answer',
			DURATION_BUCKETS_S,
			labels,
		);
		this.#dropped = metrics.counter('throughline_receive_connections_dropped_total', 'Connections refused because there were too many', [
			'transport',
		]);
		this.#inFlight = metrics.gauge('throughline_receive_in_flight_bytes', 'Bytes of OTLP bodies received and not yet answered');
	}

	/** Milliseconds to measure requests from. */
	nowMs(): number {
		return this.#clock.monotonicMs();
	}

	/** A connection beyond `connectionsMax` was closed unheard. */
	dropped(): void {
		this.#dropped.add(1, { transport: this.#transport });
	}

	answered({ signal, outcome, wireBytes, inflatedBytes, startMs }: RequestNumbers): void {
		const labels = { transport: this.#transport, signal };
		this.#requests.add(1, { ...labels, outcome });
		this.#wireBytes.add(wireBytes, labels);
		this.#inflatedBytes.add(inflatedBytes, labels);
		this.#duration.observe((this.nowMs() - startMs) / 1000, labels);
		this.#inFlight.set(this.#budget.takenBytes);
	}

	/**
	 * A sender that is refused finds out by itself; whoever runs the platform finds out here. One line per kind and `QUIET_MS`, as a
	 * broken sender repeats itself many times a second.
	 */
	refused(failure: Failure, fields: object): void {
		const now = this.nowMs();
		const kind = failure.code;
		if (kind === 'internal') {
			this.#log.error({ ...fields, error: failure.cause ?? failure }, 'internal error while answering an OTLP request');
			return;
		}
		if (kind === 'cancelled' || now < (this.#quietUntilMs.get(kind) ?? 0)) {
			this.#suppressed.set(kind, (this.#suppressed.get(kind) ?? 0) + 1);
			return;
		}
		const more = this.#suppressed.get(kind) ?? 0;
		this.#suppressed.delete(kind);
		this.#quietUntilMs.set(kind, now + QUIET_MS);
		this.#log.warn({ ...fields, code: kind, reason: failure.message, hint: failure.hint, unsaid: more }, 'refused an OTLP request');
	}
}

const QUIET_MS = 10_000;
