/**
 * The one way to the telemetry database, embedded engine or ClickHouse server alike: the official client, with parameters instead of
 * spliced values, errors as `Failure`, and patience while the embedded engine is coming back.
 */

import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';
import { Failure } from '../base/errors.ts';
import type { EmbeddedEngine, Endpoint } from './embedded/supervisor.ts';
import { isNetworkError, toFailure, wasRefused } from './failures.ts';

export type Settings = Readonly<Record<string, string | number>>;
/** Values of `{name:Type}` placeholders. Dates, arrays, maps and bigints are written as the engine reads them. */
export type Params = Readonly<Record<string, unknown>>;

export interface QueryOptions {
	readonly abortSignal?: AbortSignal | undefined;
	/** The statement is stopped after this long. Default 30 000. */
	readonly timeoutMs?: number;
	readonly settings?: Settings;
	/** Default: the store's own; '' for the server's default one, which always exists. */
	readonly database?: string;
}

export interface QueryCost {
	/** Rows and bytes the engine read for the answer. */
	readonly rowsRead: number;
	readonly bytesRead: number;
	/** As the engine measured it, without transport. */
	readonly elapsedMs: number;
}

export interface QueryResult<Row> extends QueryCost {
	readonly rows: readonly Row[];
}

export interface ColumnsResult<Columns> extends QueryCost {
	readonly columns: Columns;
	readonly rowCount: number;
}

export type StoreTarget =
	| { readonly kind: 'embedded'; readonly engine: Pick<EmbeddedEngine, 'endpoint' | 'handOverDir'> }
	| { readonly kind: 'clickhouse'; readonly url: string; readonly username: string; readonly password: string };

export interface StoreOptions {
	readonly target: StoreTarget;
	readonly database: string;
	/** How long a statement waits for an engine that is down. Default 15 000. */
	readonly waitForEngineMs?: number;
}

const TIMEOUT_MS = 30_000;
const WAIT_FOR_ENGINE_MS = 15_000;
const RETRY_PAUSE_MS = 50;
/** A statement that was running when the connection broke is sent again at most this often: it may be what kills the engine. */
const BROKEN_MAX = 2;
const CONNECTIONS_MAX = 64;

/**
 * Numbers as JSON numbers: counts stay well below 2^53. What may pass it (nanoseconds, `value_int`) is selected with `toString()`.
 * The server stops a read whose client has left; the embedded engine always does.
 */
const READ_SETTINGS: ClickHouseSettings = {
	output_format_json_quote_64bit_integers: 0,
	output_format_json_quote_denormals: 0,
	cancel_http_readonly_queries_on_client_close: 1,
	session_timezone: 'UTC',
};

interface JsonAnswer<Row> {
	readonly data: readonly Row[];
	readonly statistics?: { readonly elapsed: number; readonly rows_read: number; readonly bytes_read: number };
}

interface JsonColumnsAnswer<Columns> {
	readonly data: Columns;
	readonly rows: number;
	readonly statistics?: JsonAnswer<unknown>['statistics'];
}

export class Store implements AsyncDisposable {
	readonly #target: StoreTarget;
	readonly #waitForEngineMs: number;
	readonly database: string;
	#client: ClickHouseClient | undefined;
	#clientUrl = '';

	constructor(options: StoreOptions) {
		this.#target = options.target;
		this.#waitForEngineMs = options.waitForEngineMs ?? WAIT_FOR_ENGINE_MS;
		this.database = options.database;
	}

	get kind(): StoreTarget['kind'] {
		return this.#target.kind;
	}

	/** Where the embedded engine takes files from; undefined for a server, which has a disk of its own. */
	get handOverDir(): string | undefined {
		return this.#target.kind === 'embedded' ? this.#target.engine.handOverDir : undefined;
	}

	/** Runs a SELECT and answers its rows as objects. `Row` is the caller's word for what the statement selects. */
	async query<Row>(sql: string, params: Params = {}, options: QueryOptions = {}): Promise<QueryResult<Row>> {
		const answer = (await this.#read(sql, 'JSON', params, options)) as JsonAnswer<Row>;
		return { rows: answer.data, ...cost(answer.statistics) };
	}

	/** Runs a SELECT and answers one array for each column: for large answers, which cost half as much this way. */
	async queryColumns<Columns>(sql: string, params: Params = {}, options: QueryOptions = {}): Promise<ColumnsResult<Columns>> {
		const answer = (await this.#read(sql, 'JSONColumnsWithMetadata', params, options)) as JsonColumnsAnswer<Columns>;
		return { columns: answer.data, rowCount: answer.rows, ...cost(answer.statistics) };
	}

	/**
	 * Runs a statement without an answer. It may run twice when the connection breaks, so it must be safe to repeat, or say that it is
	 * not `idempotent`: then it is sent again only when the connection could not be made.
	 */
	async command(sql: string, params: Params = {}, options: QueryOptions & { readonly idempotent?: boolean } = {}): Promise<void> {
		await this.#attempt(
			options,
			async (client, signal, settings) => {
				await client.command({
					query: sql,
					query_params: { ...params },
					clickhouse_settings: settings,
					abort_signal: signal,
				});
			},
			(error) => wasRefused(error) || options.idempotent !== false,
		);
	}

	/**
	 * Runs `INSERT INTO … FORMAT …` with `body` as the data. When the connection cannot be made, or breaks and the statement is
	 * `idempotent`, it is sent again, provided the body can be read again (an array can, a running generator cannot). Otherwise it
	 * throws `Failure('unavailable')` and the caller decides.
	 */
	async insert(
		sql: string,
		body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
		options: QueryOptions & { readonly idempotent?: boolean } = {},
	): Promise<void> {
		await this.#attempt(
			options,
			async (client, signal, settings) => {
				const result = await client.exec({
					query: sql,
					values: Readable.from(body, { objectMode: false }),
					clickhouse_settings: settings,
					abort_signal: signal,
				});
				for await (const _ of result.stream);
			},
			(error) => isRereadable(body) && (wasRefused(error) || options.idempotent === true),
		);
	}

	/** Resolves when the database answers; throws `Failure('unavailable')` when it does not within the time a statement waits. */
	async ping(options: QueryOptions = {}): Promise<void> {
		await this.query('SELECT 1', {}, options);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#client?.close();
		this.#client = undefined;
		this.#clientUrl = '';
	}

	async #read(sql: string, format: 'JSON' | 'JSONColumnsWithMetadata', params: Params, options: QueryOptions): Promise<unknown> {
		return await this.#attempt(options, async (client, signal, settings) => {
			const result = await client.query({
				query: sql,
				format,
				query_params: { ...params },
				clickhouse_settings: { ...READ_SETTINGS, ...settings },
				abort_signal: signal,
			});
			return await result.json();
		});
	}

	/** Runs `action` against the live engine: again after a broken connection, as long as `mayRepeat` and the time allow. */
	async #attempt<T>(
		options: QueryOptions,
		action: (client: ClickHouseClient, signal: AbortSignal, settings: ClickHouseSettings) => Promise<T>,
		mayRepeat: (error: unknown) => boolean = () => true,
	): Promise<T> {
		const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
		const waitUntil = performance.now() + this.#waitForEngineMs;
		for (let broken = 0; ; ) {
			const client = await this.#connect(Math.max(0, waitUntil - performance.now()), options.abortSignal);
			const timeout = AbortSignal.timeout(timeoutMs);
			const signal = options.abortSignal === undefined ? timeout : AbortSignal.any([timeout, options.abortSignal]);
			try {
				return await action(client, signal, this.#settings(options, timeoutMs));
			} catch (error) {
				if (options.abortSignal?.aborted) throw new Failure('cancelled', 'the query was cancelled', { cause: error });
				if (timeout.aborted) throw timedOut(timeoutMs, error);
				const again =
					isNetworkError(error) && mayRepeat(error) && performance.now() < waitUntil && (wasRefused(error) || ++broken <= BROKEN_MAX);
				if (!again) throw toFailure(error);
				await sleep(RETRY_PAUSE_MS);
			}
		}
	}

	/** The database goes by URL parameter like the settings do, so that a statement can name another one (or none, before there is one). */
	#settings(options: QueryOptions, timeoutMs: number): ClickHouseSettings {
		const database = options.database ?? this.database;
		return {
			max_execution_time: Math.ceil(timeoutMs / 1000),
			...options.settings,
			...(database === '' ? {} : { database }),
		};
	}

	async #connect(withinMs: number, signal: AbortSignal | undefined): Promise<ClickHouseClient> {
		signal?.throwIfAborted();
		const target = this.#target;
		const endpoint = target.kind === 'embedded' ? await target.engine.endpoint(withinMs, signal) : target;
		if (this.#client !== undefined && this.#clientUrl === endpoint.url) return this.#client;
		await this.#client?.close();
		this.#clientUrl = endpoint.url;
		this.#client = open(endpoint);
		return this.#client;
	}
}

function open(endpoint: Pick<Endpoint, 'url' | 'username' | 'password'>): ClickHouseClient {
	return createClient({
		url: endpoint.url,
		username: endpoint.username,
		password: endpoint.password,
		application: 'throughline',
		// Time is kept by the caller's signal; this one only has to be longer.
		request_timeout: 3_600_000,
		max_open_connections: CONNECTIONS_MAX,
		use_multipart_params_auto: true,
		// Failures are thrown and logged where they are handled.
		log: { level: ClickHouseLogLevel.OFF },
	});
}

/** A generator is its own iterator, so reading it again finds the rest of it; a collection makes a new iterator each time. */
function isRereadable(body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): boolean {
	return Symbol.iterator in body && (body[Symbol.iterator]() as unknown) !== body;
}

function timedOut(timeoutMs: number, cause: unknown): Failure {
	return new Failure('timeout', `the query took longer than ${timeoutMs} ms`, {
		cause,
		retryable: false,
		hint: 'narrow the time range or add a filter',
	});
}

function cost(statistics: JsonAnswer<unknown>['statistics']): QueryCost {
	return {
		rowsRead: statistics?.rows_read ?? 0,
		bytesRead: statistics?.bytes_read ?? 0,
		elapsedMs: (statistics?.elapsed ?? 0) * 1000,
	};
}
