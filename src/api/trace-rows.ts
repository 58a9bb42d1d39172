/** Reads the complete spans of one trace page by page, because a page is all the engine and we need to hold of it at once. */

import type { SpanRow } from '../query/span-row.ts';
import { TRACE_SPANS_MAX, type TraceBounds, traceSpansPlan } from '../query/trace.ts';
import type { Inquiry } from './engine.ts';

/** Spans with attributes and events are some kilobytes each: a page is some tens of megabytes. */
const PAGE_SPANS = 10_000;

/** Pages sorted by start, then id, `TRACE_SPANS_MAX` spans in all. */
export async function* traceRows(inquiry: Inquiry, bounds: TraceBounds): AsyncGenerator<readonly SpanRow[]> {
	let left = TRACE_SPANS_MAX;
	let after: SpanRow | undefined;
	while (left > 0) {
		const limit = Math.min(PAGE_SPANS, left);
		const rows = await inquiry.rows(traceSpansPlan(bounds, limit, after));
		if (rows.length > 0) yield rows.slice(0, left);
		if (rows.length < limit) return;
		left -= rows.length;
		after = rows.at(-1);
	}
}
