/** Runs a trace search slice by slice until a page is full; see query/trace-search.ts for the order and why there are slices. */

import {
	accepts,
	cursorAfter,
	type Slice,
	slicesOf,
	type TraceKey,
	type TraceKeyRow,
	type TraceSearch,
	type TraceSummaryRow,
	traceKeysPlan,
	traceSummariesPlan,
} from '../query/trace-search.ts';
import type { Inquiry } from './engine.ts';

export interface FoundTraces {
	readonly traces: readonly TraceSummaryRow[];
	readonly nextCursor: string | null;
}

interface Found {
	readonly key: TraceKeyRow;
	readonly summary: TraceSummaryRow;
}

/** One page of at most `limit` traces after `after`, with the cursor of the next while there is more. */
export async function findTraces(inquiry: Inquiry, search: TraceSearch, limit: number, after?: TraceKey): Promise<FoundTraces> {
	const found: Found[] = [];
	for (const slice of slicesOf(search, after)) {
		// One more than the page tells whether there is a next one.
		for await (const hit of hitsOf(inquiry, search, slice, () => limit + 1 - found.length, after)) found.push(hit);
		if (found.length > limit) break;
	}
	const page = found.slice(0, limit);
	const last = page.at(-1);
	return {
		traces: page.map((hit) => hit.summary),
		nextCursor: found.length > limit && last !== undefined ? cursorAfter(search, last.key) : null,
	};
}

async function* hitsOf(inquiry: Inquiry, search: TraceSearch, slice: Slice, wanted: () => number, after?: TraceKey): AsyncGenerator<Found> {
	let last = after;
	while (wanted() > 0) {
		const limit = wanted();
		const keys = await inquiry.rows(traceKeysPlan(search, slice, limit, last));
		if (keys.length === 0) return;
		const summaries = new Map((await inquiry.rows(traceSummariesPlan(keys))).map((row) => [row.traceId, row]));
		for (const key of keys) {
			const summary = summaries.get(key.traceId);
			if (summary !== undefined && accepts(search, slice, key, summary)) yield { key, summary };
		}
		if (keys.length < limit) return;
		last = keys.at(-1);
	}
}
