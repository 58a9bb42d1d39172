/** From the buffer into the engine: a table's share of a sealed segment becomes one insert, under the segment's id as deduplication token. */

import { Failure } from '../base/errors.ts';
import type { Metrics } from '../base/metrics.ts';
import type { LoadBatch, Loader } from '../buffer/buffer.ts';
import { segmentCreatedMs } from '../buffer/segment.ts';
import type { Arrivals } from '../derive/tiers/arrivals.ts';
import { withConstant } from '../model/native-constant.ts';
import { ARRIVAL, TABLES, type TableSpec } from '../model/schema.ts';
import type { Store } from '../store/client.ts';
import { check, load } from '../store/load.ts';

const BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The id names the rows for ever; `arrivals` says when they came, which the engine keeps beside them (see there). */
export function segmentLoader(store: Store, arrivals: Arrivals, metrics: Metrics): Loader {
	const seconds = metrics.histogram('throughline_store_load_seconds', "Time to load one table's share of a segment.", BUCKETS_S);
	return {
		async load(batch, abortSignal) {
			const startedMs = performance.now();
			await load(store, tableOf(batch), blocks(batch, arrivals), batch.token, { abortSignal });
			seconds.observe((performance.now() - startedMs) / 1000);
		},
		check: (batch, abortSignal) => check(store, tableOf(batch), blocks(batch, arrivals), { abortSignal }),
	};
}

function tableOf(batch: LoadBatch): TableSpec {
	const table = TABLES.find((spec) => spec.table === batch.table);
	if (table !== undefined) return { ...table, columns: [...table.columns, ARRIVAL] };
	throw new Failure('unsupported', `there is no table ${batch.table}`, { hint: 'was the segment written by a newer version?' });
}

function blocks(batch: LoadBatch, arrivals: Arrivals): Uint8Array[] {
	const arrival = arrivals.of(segmentCreatedMs(batch.token));
	return batch.records.flatMap(({ payload }) => withConstant(payload, ARRIVAL.name, arrival));
}
