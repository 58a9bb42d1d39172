/** From the buffer into the engine: a table's share of a sealed segment becomes one insert, under the segment's id as deduplication token. */

import { Failure } from '../base/errors.ts';
import type { Metrics } from '../base/metrics.ts';
import type { LoadBatch, Loader } from '../buffer/buffer.ts';
import { TABLES, type TableSpec } from '../model/schema.ts';
import type { Store } from '../store/client.ts';
import { check, load } from '../store/load.ts';

const BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function segmentLoader(store: Store, metrics: Metrics): Loader {
	const seconds = metrics.histogram('throughline_store_load_seconds', "Time to load one table's share of a segment.", BUCKETS_S);
	return {
		async load(batch, abortSignal) {
			const startedMs = performance.now();
			await load(store, tableOf(batch), payloads(batch), batch.token, { abortSignal });
			seconds.observe((performance.now() - startedMs) / 1000);
		},
		check: (batch, abortSignal) => check(store, tableOf(batch), payloads(batch), { abortSignal }),
	};
}

function tableOf(batch: LoadBatch): TableSpec {
	const table = TABLES.find((spec) => spec.table === batch.table);
	if (table !== undefined) return table;
	throw new Failure('unsupported', `there is no table ${batch.table}`, { hint: 'was the segment written by a newer version?' });
}

function payloads(batch: LoadBatch): Uint8Array[] {
	return batch.records.map(({ payload }) => payload);
}
