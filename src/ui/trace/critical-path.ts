/**
 * The critical path: the chain of work that, made shorter, would have made the trace shorter. Walks back from the end of the
 * longest root: time belongs to the child that finished last before the point reached, what no such child covers belongs to the
 * span itself (CRISP, Zhang et al., USENIX ATC 2022). Nobody waited for a child that outlasts its parent on the same clock (the same
 * service), nor for a consumer: they are left out. A child in another service that seems to outlast its parent may owe it to its
 * clock, so it counts up to the parent's end.
 */

import { FLAG, hasFlag, ROOT, serviceOf, type TraceModel } from './model.ts';

const CONSUMER = 5;

export interface CriticalPath {
	/** Segments of node i: [offset[i], offset[i + 1]) of `from` and `to`, nanoseconds from the start of the trace, ascending. */
	readonly offset: Int32Array;
	readonly from: Float64Array;
	readonly to: Float64Array;
	/** Nanoseconds of the path spent in each node itself. */
	readonly total: Float64Array;
}

export function criticalPath(model: TraceModel): CriticalPath {
	const nodes: number[] = [];
	const froms: number[] = [];
	const tos: number[] = [];
	const root = longestRoot(model);
	// A stack instead of recursion: chains of 20 000 spans are real. Each entry is a node and the latest time that still counts.
	const stack: { node: number; limit: number }[] = [];
	if (root !== ROOT) stack.push({ node: root, limit: endOf(model, root) });
	for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
		const { node, limit } = entry;
		const start = model.start[node] as number;
		const latest = Math.min(endOf(model, node), limit);
		let time = latest;
		const add = (from: number, to: number): void => {
			if (to <= from || hasFlag(model, node, FLAG.missing)) return;
			nodes.push(node);
			froms.push(from);
			tos.push(to);
		};
		for (const child of byEndDescending(model, node, time)) {
			if (detached(model, node, child)) continue;
			const childStart = Math.max(model.start[child] as number, start);
			const childEnd = Math.min(endOf(model, child), latest);
			// What ends after the point reached ran beside the path.
			if (childStart >= time || childEnd > time) continue;
			add(childEnd, time);
			stack.push({ node: child, limit: childEnd });
			time = childStart;
			if (time <= start) break;
		}
		add(start, time);
	}
	return group(model.nodeCount, nodes, froms, tos);
}

function endOf(model: TraceModel, node: number): number {
	return (model.start[node] as number) + (model.duration[node] as number);
}

function detached(model: TraceModel, parent: number, child: number): boolean {
	if (hasFlag(model, parent, FLAG.missing) || !hasFlag(model, child, FLAG.async)) return false;
	return model.response.columns.kind[child] === CONSUMER || serviceOf(model, child).service === serviceOf(model, parent).service;
}

function longestRoot(model: TraceModel): number {
	let longest = ROOT;
	for (let node = 0; node < model.nodeCount; node++)
		if (model.parent[node] === ROOT && (longest === ROOT || (model.duration[node] as number) > (model.duration[longest] as number)))
			longest = node;
	return longest;
}

function byEndDescending(model: TraceModel, node: number, limit: number): Int32Array {
	const children = model.childList.slice(model.childOffset[node] as number, model.childOffset[node + 1] as number);
	const end = (child: number): number => Math.min(endOf(model, child), limit);
	return children.sort((a, b) => end(b) - end(a) || (model.start[b] as number) - (model.start[a] as number));
}

function group(nodeCount: number, nodes: readonly number[], froms: readonly number[], tos: readonly number[]): CriticalPath {
	const offset = new Int32Array(nodeCount + 1);
	for (const node of nodes) offset[node + 1] = (offset[node + 1] as number) + 1;
	for (let node = 0; node < nodeCount; node++) offset[node + 1] = (offset[node + 1] as number) + (offset[node] as number);
	const next = offset.slice(0, nodeCount);
	const from = new Float64Array(nodes.length);
	const to = new Float64Array(nodes.length);
	const total = new Float64Array(nodeCount);
	// Found from the end backwards, so filling in reverse leaves each node's segments ascending.
	for (let at = nodes.length - 1; at >= 0; at--) {
		const node = nodes[at] as number;
		const slot = next[node] as number;
		from[slot] = froms[at] as number;
		to[slot] = tos[at] as number;
		total[node] = (total[node] as number) + (to[slot] as number) - (from[slot] as number);
		next[node] = slot + 1;
	}
	return { offset, from, to, total };
}
