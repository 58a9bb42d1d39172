/**
 * Which nodes are rows of the waterfall: the tree in order, without what is below a collapsed node, and without what the filter
 * leaves out. What is left out is never silent: each run of it is one row saying how many spans are hidden.
 */

import { SPAN_KIND_NAMES } from './kinds.ts';
import { FLAG, hasFlag, nameOf, serviceOf, type TraceModel } from './model.ts';

export interface Rows {
	/** Node number, or `HIDDEN` for a row that stands for hidden spans. */
	readonly node: Int32Array;
	/** Spans a `HIDDEN` row stands for, else 0. */
	readonly hidden: Int32Array;
	/** 1 for rows kept only because something below them matches. */
	readonly faint: Uint8Array;
	readonly count: number;
	/** Nodes the filter matches; all when there is no filter. */
	readonly matches: number;
}

export const HIDDEN = -1;

/**
 * Words that must all hold: `service:orders`, `status:error`, `kind:client`, else text found in the name, the service or the span id.
 * Undefined when the filter is empty.
 */
export function parseFilter(text: string): ((model: TraceModel, node: number) => boolean) | undefined {
	const words = text
		.trim()
		.toLowerCase()
		.split(/\s+/)
		.filter((word) => word !== '');
	if (words.length === 0) return undefined;
	const tests = words.map(wordTest);
	return (model, node) => tests.every((test) => test(model, node));
}

function wordTest(word: string): (model: TraceModel, node: number) => boolean {
	const [key, value] = word.split(/:(.*)/) as [string, string | undefined];
	if (value !== undefined && value !== '') {
		if (key === 'service') return (model, node) => serviceOf(model, node).service.toLowerCase() === value;
		if (key === 'status') {
			const wanted = ['unset', 'ok', 'error'].indexOf(value);
			return (model, node) => !hasFlag(model, node, FLAG.missing) && model.status[node] === wanted;
		}
		if (key === 'kind') return (model, node) => SPAN_KIND_NAMES[model.response.columns.kind[node] ?? -1] === value;
	}
	return (model, node) =>
		nameOf(model, node).toLowerCase().includes(word) ||
		serviceOf(model, node).service.toLowerCase().includes(word) ||
		(model.response.columns.spanId[node] ?? model.missingIds[node - model.spanCount] ?? '').startsWith(word);
}

/** O(n). `collapsed` holds node numbers; a filter opens everything, so that no match is out of sight. */
export function buildRows(model: TraceModel, collapsed: ReadonlySet<number>, filter?: (model: TraceModel, node: number) => boolean): Rows {
	return filter === undefined ? openRows(model, collapsed) : filteredRows(model, filter);
}

function openRows(model: TraceModel, collapsed: ReadonlySet<number>): Rows {
	const node = new Int32Array(model.nodeCount);
	let count = 0;
	for (let at = 0; at < model.nodeCount; ) {
		const current = model.order[at] as number;
		node[count++] = current;
		at += collapsed.has(current) ? (model.subtreeSize[current] as number) : 1;
	}
	return { node: node.slice(0, count), hidden: new Int32Array(count), faint: new Uint8Array(count), count, matches: model.nodeCount };
}

function filteredRows(model: TraceModel, filter: (model: TraceModel, node: number) => boolean): Rows {
	const state = new Uint8Array(model.nodeCount); // 0 out, 1 ancestor of a match, 2 match
	let matches = 0;
	for (let at = model.nodeCount - 1; at >= 0; at--) {
		const node = model.order[at] as number;
		if (filter(model, node)) {
			state[node] = 2;
			matches++;
		}
		const above = model.parent[node] as number;
		if (above >= 0 && state[node] !== 0 && state[above] === 0) state[above] = 1;
	}
	// At most one hidden row before each kept one, and one at the end.
	const node = new Int32Array(model.nodeCount + 1);
	const hidden = new Int32Array(model.nodeCount + 1);
	const faint = new Uint8Array(model.nodeCount + 1);
	let count = 0;
	let run = 0;
	const endRun = (): void => {
		if (run === 0) return;
		node[count] = HIDDEN;
		hidden[count++] = run;
		run = 0;
	};
	for (let at = 0; at < model.nodeCount; at++) {
		const current = model.order[at] as number;
		if (state[current] === 0) {
			run++;
			continue;
		}
		endRun();
		faint[count] = state[current] === 1 ? 1 : 0;
		node[count++] = current;
	}
	endRun();
	return { node: node.slice(0, count), hidden: hidden.slice(0, count), faint: faint.slice(0, count), count, matches };
}

/** The row that shows a node, or the one that stands for it when it is collapsed away; -1 when the filter hides it. */
export function rowOf(model: TraceModel, rows: Rows, node: number): number {
	for (let shown = node; shown >= 0; shown = model.parent[shown] as number) {
		const row = rows.node.indexOf(shown);
		if (row >= 0) return row;
	}
	return -1;
}
