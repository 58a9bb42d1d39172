/**
 * A trace laid out for drawing: the columns the API sends become typed arrays, parents become row numbers, and everything a frame
 * needs (order, depth, subtree size, self time) is computed once. O(n) beside the sort the API has already done.
 *
 * Nodes 0..spanCount-1 are the spans in the order of the answer (by start). Nodes from spanCount on stand for parents that never
 * arrived, one for each missing id: their time is the envelope of their children.
 */

import type { TraceResponse } from '../../api/contract.ts';

/** Bits of `flags`. */
export const FLAG = {
	/** A parent somebody names but nobody sent. */
	missing: 1,
	/** Starts at or after its parent's end, or ends after it: detached work. */
	async: 2,
	/** Starts before its parent: the clocks of the two machines disagree. */
	skewed: 4,
	/** Its ancestors form a circle; shown as a root. */
	cyclic: 8,
} as const;

export const ROOT = -1;

export interface TraceModel {
	readonly response: TraceResponse;
	/** Spans and missing parents. */
	readonly nodeCount: number;
	readonly spanCount: number;
	/** Nanoseconds from the start of the trace. */
	readonly start: Float64Array;
	readonly duration: Float64Array;
	/** Node number of the parent, `ROOT` for roots. */
	readonly parent: Int32Array;
	readonly depth: Uint16Array;
	/** Nodes in the order of the tree, parents before children, siblings by start. */
	readonly order: Int32Array;
	/** Where a node stands in `order`. */
	readonly position: Int32Array;
	/** Nodes in the subtree, the node itself included. */
	readonly subtreeSize: Int32Array;
	/** Children of node i: childList[childOffset[i] .. childOffset[i + 1]), by start. */
	readonly childOffset: Int32Array;
	readonly childList: Int32Array;
	readonly flags: Uint8Array;
	readonly status: Uint8Array;
	/** Spans with status error below the node, the node itself not included. */
	readonly errorsBelow: Int32Array;
	/** Stretches in which the node works itself and no child runs: node i has [selfOffset[i], selfOffset[i + 1]). */
	readonly selfOffset: Int32Array;
	readonly selfStart: Float64Array;
	readonly selfEnd: Float64Array;
	/** Events of span i: rows eventList[eventOffset[i] .. eventOffset[i + 1]) of response.events. */
	readonly eventOffset: Int32Array;
	readonly eventList: Int32Array;
	/** Span ids of the missing parents, node spanCount first. */
	readonly missingIds: readonly string[];
	readonly nodeOfSpan: ReadonlyMap<string, number>;
	readonly errorCount: number;
	/** Nanoseconds covered by anything, at least 1. */
	readonly extent: number;
}

export function buildTrace(response: TraceResponse): TraceModel {
	const { columns } = response;
	const spanCount = columns.spanId.length;
	const nodeOfSpan = new Map<string, number>();
	// A span sent twice keeps its first place; the second stands beside it.
	for (let span = 0; span < spanCount; span++) {
		const id = columns.spanId[span] as string;
		if (!nodeOfSpan.has(id)) nodeOfSpan.set(id, span);
	}
	const { parents, missingIds } = findParents(columns.spanId, columns.parentSpanId, nodeOfSpan);
	const nodeCount = spanCount + missingIds.length;
	const parent = new Int32Array(nodeCount).fill(ROOT);
	parent.set(parents);
	const start = new Float64Array(nodeCount);
	const duration = new Float64Array(nodeCount);
	start.set(columns.startOffsetNs);
	duration.set(columns.durationNs);
	const flags = new Uint8Array(nodeCount);
	breakCycles(parent, flags);
	envelopeMissing(spanCount, parent, start, duration, flags);
	const { childOffset, childList, roots } = listChildren(parent, start);
	const tree = walkTree(nodeCount, roots, childOffset, childList);
	markTiming(spanCount, parent, start, duration, flags);
	const status = new Uint8Array(nodeCount);
	status.set(columns.status);
	const errorsBelow = new Int32Array(nodeCount);
	let errorCount = 0;
	for (let at = nodeCount - 1; at >= 0; at--) {
		const node = tree.order[at] as number;
		const own = status[node] === 2 ? 1 : 0;
		errorCount += own;
		const above = parent[node] as number;
		if (above !== ROOT) errorsBelow[above] = (errorsBelow[above] as number) + (errorsBelow[node] as number) + own;
	}
	let extent = response.durationNs;
	for (let node = 0; node < nodeCount; node++) extent = Math.max(extent, (start[node] as number) + (duration[node] as number));
	return {
		response,
		nodeCount,
		spanCount,
		start,
		duration,
		parent,
		...tree,
		childOffset,
		childList,
		flags,
		status,
		errorsBelow,
		...selfTimes(nodeCount, start, duration, childOffset, childList, flags),
		...groupEvents(response.events.span, spanCount),
		missingIds,
		nodeOfSpan,
		errorCount,
		extent: Math.max(extent, 1),
	};
}

function findParents(spanId: readonly string[], parentSpanId: readonly string[], nodeOfSpan: ReadonlyMap<string, number>) {
	const parents = new Int32Array(spanId.length).fill(ROOT);
	const missing = new Map<string, number>();
	for (let span = 0; span < spanId.length; span++) {
		const id = parentSpanId[span] as string;
		if (id === '') continue;
		let node = nodeOfSpan.get(id) ?? missing.get(id);
		if (node === undefined) {
			node = spanId.length + missing.size;
			missing.set(id, node);
		}
		parents[span] = node;
	}
	return { parents, missingIds: [...missing.keys()] };
}

/** A span whose ancestors lead back to itself becomes a root, so that every span is drawn exactly once. */
function breakCycles(parent: Int32Array, flags: Uint8Array): void {
	// 0 unseen, 1 on the way up from the current node, 2 known to end at a root.
	const state = new Uint8Array(parent.length);
	for (let first = 0; first < parent.length; first++) {
		let node = first;
		while (node !== ROOT && state[node] === 0) {
			state[node] = 1;
			node = parent[node] as number;
		}
		const met = node !== ROOT && state[node] === 1 ? node : ROOT;
		for (node = first; node !== ROOT && state[node] === 1; node = parent[node] as number) state[node] = 2;
		if (met === ROOT) continue;
		parent[met] = ROOT;
		flags[met] = FLAG.cyclic;
	}
}

function envelopeMissing(spanCount: number, parent: Int32Array, start: Float64Array, duration: Float64Array, flags: Uint8Array): void {
	const end = new Float64Array(parent.length - spanCount);
	for (let node = spanCount; node < parent.length; node++) {
		flags[node] = FLAG.missing;
		start[node] = Number.POSITIVE_INFINITY;
	}
	for (let span = 0; span < spanCount; span++) {
		const above = parent[span] as number;
		if (above < spanCount) continue;
		const from = start[span] as number;
		start[above] = Math.min(start[above] as number, from);
		end[above - spanCount] = Math.max(end[above - spanCount] as number, from + (duration[span] as number));
	}
	for (let node = spanCount; node < parent.length; node++) duration[node] = (end[node - spanCount] as number) - (start[node] as number);
}

/** Spans arrive sorted by start, so filling in that order sorts every list of children. Roots are sorted, as missing ones come last. */
function listChildren(parent: Int32Array, start: Float64Array) {
	const nodeCount = parent.length;
	const childOffset = new Int32Array(nodeCount + 1);
	const roots: number[] = [];
	for (let node = 0; node < nodeCount; node++) {
		const above = parent[node] as number;
		if (above === ROOT) roots.push(node);
		else childOffset[above + 1] = (childOffset[above + 1] as number) + 1;
	}
	for (let node = 0; node < nodeCount; node++) childOffset[node + 1] = (childOffset[node + 1] as number) + (childOffset[node] as number);
	const next = childOffset.slice(0, nodeCount);
	const childList = new Int32Array(nodeCount - roots.length);
	for (let node = 0; node < nodeCount; node++) {
		const above = parent[node] as number;
		if (above === ROOT) continue;
		childList[next[above] as number] = node;
		next[above] = (next[above] as number) + 1;
	}
	roots.sort((a, b) => (start[a] as number) - (start[b] as number));
	return { childOffset, childList, roots };
}

function walkTree(nodeCount: number, roots: readonly number[], childOffset: Int32Array, childList: Int32Array) {
	const order = new Int32Array(nodeCount);
	const position = new Int32Array(nodeCount);
	const depth = new Uint16Array(nodeCount);
	const subtreeSize = new Int32Array(nodeCount).fill(1);
	const stack = new Int32Array(nodeCount);
	let height = 0;
	for (let at = roots.length - 1; at >= 0; at--) stack[height++] = roots[at] as number;
	for (let at = 0; height > 0; at++) {
		const node = stack[--height] as number;
		order[at] = node;
		position[node] = at;
		for (let child = (childOffset[node + 1] as number) - 1; child >= (childOffset[node] as number); child--) {
			const below = childList[child] as number;
			depth[below] = Math.min((depth[node] as number) + 1, 65_535);
			stack[height++] = below;
		}
	}
	for (let at = nodeCount - 1; at >= 0; at--) {
		const node = order[at] as number;
		for (let child = childOffset[node] as number; child < (childOffset[node + 1] as number); child++)
			subtreeSize[node] = (subtreeSize[node] as number) + (subtreeSize[childList[child] as number] as number);
	}
	return { order, position, depth, subtreeSize };
}

function markTiming(spanCount: number, parent: Int32Array, start: Float64Array, duration: Float64Array, flags: Uint8Array): void {
	for (let span = 0; span < spanCount; span++) {
		const above = parent[span] as number;
		if (above === ROOT || above >= spanCount) continue;
		const from = start[span] as number;
		const to = from + (duration[span] as number);
		const aboveStart = start[above] as number;
		const aboveEnd = aboveStart + (duration[above] as number);
		let flag = flags[span] as number;
		if (from < aboveStart) flag |= FLAG.skewed;
		else if (to > aboveEnd) flag |= FLAG.async;
		flags[span] = flag;
	}
}

/** Children are sorted by start, so one pass over each list merges them; at most one stretch more than children. */
function selfTimes(
	nodeCount: number,
	start: Float64Array,
	duration: Float64Array,
	childOffset: Int32Array,
	childList: Int32Array,
	flags: Uint8Array,
) {
	const selfOffset = new Int32Array(nodeCount + 1);
	const selfStart = new Float64Array(nodeCount + childList.length);
	const selfEnd = new Float64Array(nodeCount + childList.length);
	let written = 0;
	for (let node = 0; node < nodeCount; node++) {
		selfOffset[node] = written;
		if (((flags[node] as number) & FLAG.missing) !== 0) continue;
		let free = start[node] as number;
		const end = free + (duration[node] as number);
		for (let at = childOffset[node] as number; at < (childOffset[node + 1] as number) && free < end; at++) {
			const child = childList[at] as number;
			const from = start[child] as number;
			if (from > free) {
				selfStart[written] = free;
				selfEnd[written++] = Math.min(from, end);
			}
			free = Math.max(free, from + (duration[child] as number));
		}
		if (free < end) {
			selfStart[written] = free;
			selfEnd[written++] = end;
		}
	}
	selfOffset[nodeCount] = written;
	return { selfOffset, selfStart: selfStart.slice(0, written), selfEnd: selfEnd.slice(0, written) };
}

function groupEvents(spanOfEvent: readonly number[], spanCount: number) {
	const eventOffset = new Int32Array(spanCount + 1);
	for (const span of spanOfEvent) eventOffset[span + 1] = (eventOffset[span + 1] as number) + 1;
	for (let span = 0; span < spanCount; span++) eventOffset[span + 1] = (eventOffset[span + 1] as number) + (eventOffset[span] as number);
	const next = eventOffset.slice(0, spanCount);
	const eventList = new Int32Array(spanOfEvent.length);
	for (let event = 0; event < spanOfEvent.length; event++) {
		const span = spanOfEvent[event] as number;
		eventList[next[span] as number] = event;
		next[span] = (next[span] as number) + 1;
	}
	return { eventOffset, eventList };
}

/** Nanoseconds a node works itself. */
export function selfTime(model: TraceModel, node: number): number {
	let total = 0;
	for (let at = model.selfOffset[node] as number; at < (model.selfOffset[node + 1] as number); at++)
		total += (model.selfEnd[at] as number) - (model.selfStart[at] as number);
	return total;
}

export function serviceOf(model: TraceModel, node: number): { service: string; language: string | null } {
	const index = model.response.columns.service[node];
	return (index === undefined ? undefined : model.response.services[index]) ?? { service: '', language: null };
}

export function nameOf(model: TraceModel, node: number): string {
	const index = model.response.columns.name[node];
	return (index === undefined ? undefined : model.response.names[index]) ?? '';
}

export function hasFlag(model: TraceModel, node: number, flag: number): boolean {
	return ((model.flags[node] as number) & flag) !== 0;
}

export function childCount(model: TraceModel, node: number): number {
	return (model.childOffset[node + 1] as number) - (model.childOffset[node] as number);
}
