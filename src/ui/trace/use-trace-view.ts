/** What the trace page derives from its state: rows, selection, window; and the moves that change them. */

import { useCallback, useMemo, useRef } from 'react';
import { COLLAPSED_MAX, type TraceState } from '../app/url-state.ts';
import { childCount, ROOT, type TraceModel } from './model.ts';
import { buildRows, HIDDEN, parseFilter, rowOf } from './rows.ts';
import { clampWindow, fullWindow, isFull, type TimeWindow } from './time-window.ts';
import { scrollToRow } from './use-tile-range.ts';
import { type ChangeTrace, useTraceState } from './use-trace-state.ts';

/** The eight digits the URL keeps of a collapsed span. */
const short = (model: TraceModel, node: number): string =>
	(model.response.columns.spanId[node] ?? model.missingIds[node - model.spanCount] ?? '').slice(0, 8);

export interface TraceViewModel extends ReturnType<typeof useTraceView> {}

export function useTraceView(model: TraceModel) {
	const [state, change] = useTraceState();
	const scroller = useRef<HTMLDivElement>(null);
	const collapsed = useMemo(() => collapsedNodes(model, state.collapsed), [model, state.collapsed]);
	const filter = useMemo(() => parseFilter(state.filter), [state.filter]);
	const rows = useMemo(() => buildRows(model, collapsed, filter), [model, collapsed, filter]);
	const window = useMemo(
		() => (state.window === undefined ? fullWindow(model.extent) : clampWindow(state.window, model.extent)),
		[state.window, model],
	);
	const selected = model.nodeOfSpan.get(state.span) ?? -1;
	const moves = useMoves(model, state, change);
	const show = useCallback(
		(node: number) => {
			const row = rowOf(model, rows, node);
			if (row >= 0 && scroller.current !== null) scrollToRow(scroller.current, row);
		},
		[model, rows],
	);
	return { model, state, change, scroller, collapsed, filtered: filter !== undefined, rows, window, selected, show, ...moves };
}

function useMoves(model: TraceModel, state: TraceState, change: ChangeTrace) {
	const setWindow = useCallback(
		(window: TimeWindow) => change({ window: isFull(window, model.extent) ? undefined : window }),
		[change, model],
	);
	/** Opening the dock is a step in the history; walking with it open is not. */
	const select = useCallback(
		(node: number, tab?: TraceState['tab']) => {
			const span = model.response.columns.spanId[node];
			if (span !== undefined) change({ span, ...(tab === undefined ? {} : { tab }) }, state.span === '');
		},
		[change, model, state.span],
	);
	const close = useCallback(() => change({ span: '' }), [change]);
	const setCollapsed = useCallback(
		(node: number, closed: boolean) =>
			change((current) => {
				const id = short(model, node);
				const rest = current.collapsed.filter((one) => one !== id);
				return { collapsed: closed ? [...rest, id] : rest };
			}),
		[change, model],
	);
	const toggle = useCallback(
		(node: number) => change((current) => ({ collapsed: toggled(current.collapsed, short(model, node)) })),
		[change, model],
	);
	const collapseAll = useCallback(() => {
		const ids: string[] = [];
		// Nearest the root first: if the URL cannot hold all, it holds those that matter.
		for (let node = 0; node < model.nodeCount && ids.length < COLLAPSED_MAX; node++)
			if (model.parent[node] !== ROOT && childCount(model, node) > 0) ids.push(short(model, node));
		change({ collapsed: ids });
	}, [change, model]);
	const expandAll = useCallback(() => change({ collapsed: [] }), [change]);
	/** Opens every collapsed ancestor. */
	const reveal = useCallback(
		(node: number) =>
			change((current) => {
				const above = new Set<string>();
				for (let at = model.parent[node] as number; at !== ROOT; at = model.parent[at] as number) above.add(short(model, at));
				return { collapsed: current.collapsed.filter((id) => !above.has(id)) };
			}),
		[change, model],
	);
	return { setWindow, select, close, setCollapsed, toggle, collapseAll, expandAll, reveal };
}

function toggled(ids: readonly string[], id: string): readonly string[] {
	return ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id];
}

function collapsedNodes(model: TraceModel, ids: readonly string[]): ReadonlySet<number> {
	const nodes = new Set<number>();
	if (ids.length === 0) return nodes;
	const wanted = new Set(ids);
	for (let node = 0; node < model.nodeCount; node++) if (wanted.has(short(model, node))) nodes.add(node);
	return nodes;
}

/** The first row from `from` on (stepping by `step`) that shows a span. */
export function nextSpanRow(rows: { node: Int32Array; count: number }, from: number, step: 1 | -1): number {
	for (let row = from; row >= 0 && row < rows.count; row += step) if (rows.node[row] !== HIDDEN) return row;
	return -1;
}
