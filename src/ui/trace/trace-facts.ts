/** What the header says about a trace, and the link that shows another person the same view. */

import { writeTimeRange } from '../app/time-range.ts';
import { msOfNs } from '../widgets/format.ts';
import { FLAG, hasFlag, ROOT, type TraceModel } from './model.ts';

export interface ServiceCount {
	readonly service: string;
	readonly language: string | null;
	readonly spanCount: number;
	readonly errorCount: number;
}

/** The root that took longest; the earliest span while no root has arrived. */
export function rootNode(model: TraceModel): number {
	let root = -1;
	for (let node = 0; node < model.spanCount; node++)
		if (model.parent[node] === ROOT && (root < 0 || (model.duration[node] as number) > (model.duration[root] as number))) root = node;
	return Math.max(root, 0);
}

/** In the order in which they first appear in the tree. */
export function servicesOf(model: TraceModel): readonly ServiceCount[] {
	const spans = new Map<number, { spanCount: number; errorCount: number }>();
	for (const node of model.order) {
		if (hasFlag(model, node, FLAG.missing)) continue;
		const service = model.response.columns.service[node] as number;
		const counts = spans.get(service) ?? { spanCount: 0, errorCount: 0 };
		counts.spanCount++;
		if (model.status[node] === 2) counts.errorCount++;
		spans.set(service, counts);
	}
	return [...spans].map(([index, counts]) => ({ ...(model.response.services[index] ?? { service: '', language: null }), ...counts }));
}

/** Margin around the trace in the shared time range, so that Explore opened from it finds its neighbours. */
const MARGIN_MS = 300_000;

/** `href` with an absolute time range: a relative one would show the other person another hour. */
export function shareUrl(href: string, model: TraceModel): string {
	const url = new URL(href);
	const startMs = msOfNs(model.response.startNs);
	writeTimeRange(url.searchParams, {
		kind: 'absolute',
		fromMs: startMs - MARGIN_MS,
		toMs: Math.ceil(startMs + model.response.durationNs / 1e6) + MARGIN_MS,
	});
	url.searchParams.delete('live');
	return url.toString();
}
