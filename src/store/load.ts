/**
 * Loads sealed segments: Native blocks of one table, counted once however often they are loaded.
 *
 * Every table and every materialized view's target remembers the tokens of its last 10 000 blocks (see the migrations). One load is
 * one block for each table and partition, so each remembers it whole: when the engine dies between the spans and a view's target, the
 * next load with the same token adds what is missing and nothing else. That takes
 * - one block: a single reader, and thresholds above any segment's size;
 * - `deduplicate_blocks_in_dependent_materialized_views`, so that views look at their own memory and not at the spans' alone;
 * - the same bytes: a token names one segment's content for ever.
 * Late data may touch any number of hours, hence no limit on partitions.
 */

import { Failure } from '../base/errors.ts';
import type { TableSpec } from '../model/schema.ts';
import type { Settings, Store } from './client.ts';
import { HAND_OVER_DIR } from './embedded/messages.ts';
import { handOver } from './hand-over.ts';

export interface LoadOptions {
	readonly abortSignal?: AbortSignal;
	/** Default 120 000. */
	readonly timeoutMs?: number;
}

const TIMEOUT_MS = 120_000;
const RETRY_AFTER_MS = 5_000;

const SETTINGS: Settings = {
	insert_deduplicate: 1,
	deduplicate_blocks_in_dependent_materialized_views: 1,
	async_insert: 0,
	max_threads: 1,
	max_insert_threads: 1,
	parallel_view_processing: 0,
	input_format_parallel_parsing: 0,
	min_insert_block_size_rows: 1_000_000_000,
	min_insert_block_size_bytes: 1_000_000_000_000,
	max_partitions_per_insert_block: 0,
};

/**
 * Loads `blocks` (a Native stream whose columns are named as in `table`) under `token`. Resolves when the table and all its views
 * hold the rows. Waits out a restart of the engine when `blocks` can be read again, as an array can.
 * Throws `Failure`; after one that is retryable load the same again, with the same token.
 */
export async function load(
	store: Store,
	table: TableSpec,
	blocks: Iterable<Uint8Array>,
	token: string,
	options: LoadOptions = {},
): Promise<void> {
	await insert(store, table.table, table, blocks, { ...SETTINGS, insert_deduplication_token: token }, options);
}

/**
 * Reads `blocks` as `load` would and stores nothing. Throws as `load` does when the database cannot read them: one block is formed of all
 * before any is stored, so `load` has then stored nothing either.
 */
export async function check(store: Store, table: TableSpec, blocks: Iterable<Uint8Array>, options: LoadOptions = {}): Promise<void> {
	const structure = table.columns.map(({ name, type }) => `${name} ${type}`).join(', ');
	await insert(store, `FUNCTION null('${structure}')`, table, blocks, SETTINGS, options);
}

async function insert(
	store: Store,
	target: string,
	{ columns }: TableSpec,
	blocks: Iterable<Uint8Array>,
	settings: Settings,
	{ abortSignal, timeoutMs = TIMEOUT_MS }: LoadOptions,
): Promise<void> {
	const names = columns.map(({ name }) => name).join(', ');
	const options = { abortSignal, timeoutMs, settings };
	const { handOverDir } = store;
	try {
		if (handOverDir === undefined) {
			await store.insert(`INSERT INTO ${target} (${names}) FORMAT Native`, blocks, { ...options, idempotent: true });
		} else {
			await handOver(handOverDir, blocks, (name) =>
				store.command(
					`INSERT INTO ${target} (${names}) SELECT ${names} FROM file({file:String}, Native)`,
					{ file: `${HAND_OVER_DIR}/${name}` },
					options,
				),
			);
		}
	} catch (error) {
		throw whenLoading(error);
	}
}

/** What is final for a question is not for a load: time and memory may suffice when less else is going on. */
function whenLoading(error: unknown): unknown {
	if (!(error instanceof Failure) || (error.code !== 'timeout' && error.code !== 'too_large')) return error;
	const code = error.code === 'timeout' ? 'timeout' : 'overloaded';
	return new Failure(code, error.message, { cause: error, retryAfterMs: RETRY_AFTER_MS });
}
