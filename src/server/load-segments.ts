/** From the buffer into the engine: a sealed segment becomes one insert a table, under the segment's id as deduplication token. */

import type { Metrics } from '../base/metrics.ts';
import type { Loader } from '../buffer/buffer.ts';
import { TABLES } from '../model/schema.ts';
import type { Store } from '../store/client.ts';
import { load } from '../store/load.ts';

const BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function segmentLoader(store: Store, metrics: Metrics): Loader {
	const stored = metrics.counter('throughline_store_rows_total', 'Rows of segments now in the engine.', ['table']);
	const seconds = metrics.histogram('throughline_store_load_seconds', 'Time to load one segment.', BUCKETS_S);
	return async (segment, abortSignal) => {
		const startedMs = performance.now();
		const records = await segment.read();
		for (const table of TABLES) {
			const blocks = records.get(table.table);
			if (blocks === undefined) continue;
			await load(
				store,
				table,
				blocks.map(({ payload }) => payload),
				segment.id,
				{ abortSignal },
			);
		}
		// Counted when the whole segment is in, as a part that succeeded is loaded again with a part that did not.
		for (const [table, blocks] of records)
			stored.add(
				blocks.reduce((rows, block) => rows + block.rows, 0),
				{ table },
			);
		seconds.observe((performance.now() - startedMs) / 1000);
	};
}
