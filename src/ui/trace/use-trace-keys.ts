/** The keys of the trace page, Perfetto's and vi's where they exist. */

import { type KeyboardEvent as ReactKeyboardEvent, type RefObject, useEffect } from 'react';
import { useLatest } from '../app/use-latest.ts';
import { isTyping } from '../app/use-shortcut.ts';
import { childCount, ROOT } from './model.ts';
import { rowOf } from './rows.ts';
import { panWindow, zoomWindow } from './time-window.ts';
import { nextSpanRow, type TraceViewModel } from './use-trace-view.ts';

/** Shown by `?`, in this order. */
export const TRACE_KEYS: readonly (readonly [keys: string, does: string])[] = [
	['j  k', 'next and previous row (also ↓ ↑)'],
	['l  h', 'expand and collapse; h again goes to the parent (also → ←)'],
	['L  H', 'expand and collapse everything'],
	['w  s', 'zoom in and out, around the selected span'],
	['a  d', 'pan back and forth'],
	['f', 'zoom to the selected span'],
	['0', 'show the whole trace'],
	['e  E', 'next and previous error'],
	['c', 'critical path on and off'],
	['/', 'filter spans'],
	['Esc', 'close, then clear the filter, then the zoom'],
	['Ctrl wheel', 'zoom around the pointer; Shift wheel pans'],
	['?', 'these keys'],
];

export interface KeyTargets {
	readonly filter: RefObject<HTMLInputElement | null>;
	readonly help: boolean;
	readonly setHelp: (help: boolean) => void;
}

/** Listens on the page; returns nothing to attach. */
export function useTraceKeys(view: TraceViewModel, targets: KeyTargets): void {
	const latest = useLatest({ view, targets });
	useEffect(() => {
		const onKeyDown = (event: KeyboardEvent): void => {
			if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
			// Dialogs and menus have keys of their own.
			if (
				event.target instanceof Element &&
				event.target.closest('[role=dialog], [role=menu], [role=tablist]') !== null &&
				event.key !== 'Escape'
			)
				return;
			if (run(event.key, latest.current.view, latest.current.targets)) event.preventDefault();
		};
		addEventListener('keydown', onKeyDown);
		return () => removeEventListener('keydown', onKeyDown);
	}, [latest]);
}

/** Keys that only the tree itself takes: Enter on a row, and arrows it must not scroll by. */
export function treeKey(event: ReactKeyboardEvent, view: TraceViewModel): void {
	if (event.key === 'Enter' && view.selected >= 0) {
		document.querySelector<HTMLElement>('.dock [role=tab][aria-selected=true]')?.focus();
		event.preventDefault();
	}
}

function run(key: string, view: TraceViewModel, targets: KeyTargets): boolean {
	switch (key) {
		case 'j':
		case 'ArrowDown':
			return step(view, 1);
		case 'k':
		case 'ArrowUp':
			return step(view, -1);
		case 'l':
		case 'ArrowRight':
			return expand(view);
		case 'h':
		case 'ArrowLeft':
			return collapse(view);
		case 'e':
			return nextError(view, 1);
		case 'E':
			return nextError(view, -1);
		case 'Escape':
			return escape(view, targets);
		default:
			return command(key, view, targets);
	}
}

function command(key: string, view: TraceViewModel, targets: KeyTargets): boolean {
	const { model, window, setWindow } = view;
	const commands: Readonly<Record<string, () => void>> = {
		w: () => setWindow(zoomWindow(window, 0.6, anchor(view), model.extent)),
		s: () => setWindow(zoomWindow(window, 1 / 0.6, anchor(view), model.extent)),
		a: () => setWindow(panWindow(window, -0.2, model.extent)),
		d: () => setWindow(panWindow(window, 0.2, model.extent)),
		f: () => fit(view),
		'0': () => view.change({ window: undefined }),
		L: view.expandAll,
		H: view.collapseAll,
		c: () => view.change((state) => ({ criticalPath: !state.criticalPath })),
		'/': () => targets.filter.current?.focus(),
		'?': () => targets.setHelp(true),
	};
	const chosen = commands[key];
	chosen?.();
	return chosen !== undefined;
}

function step(view: TraceViewModel, direction: 1 | -1): boolean {
	const { model, rows, selected } = view;
	const current = selected < 0 ? -1 : rowOf(model, rows, selected);
	let row = nextSpanRow(rows, current < 0 ? (direction === 1 ? 0 : rows.count - 1) : current + direction, direction);
	// Missing parents have no details: walk past them.
	while (row >= 0 && (rows.node[row] as number) >= model.spanCount) row = nextSpanRow(rows, row + direction, direction);
	if (row >= 0) goTo(view, rows.node[row] as number);
	return true;
}

function goTo(view: TraceViewModel, node: number): void {
	view.select(node);
	view.show(node);
}

function expand(view: TraceViewModel): boolean {
	const { model, selected, collapsed } = view;
	if (selected < 0) return step(view, 1);
	if (collapsed.has(selected)) view.setCollapsed(selected, false);
	else if (childCount(model, selected) > 0) step(view, 1);
	return true;
}

function collapse(view: TraceViewModel): boolean {
	const { model, selected, collapsed } = view;
	if (selected < 0) return true;
	const above = model.parent[selected] as number;
	if (childCount(model, selected) > 0 && !collapsed.has(selected)) view.setCollapsed(selected, true);
	else if (above !== ROOT && above < model.spanCount) goTo(view, above);
	return true;
}

function nextError(view: TraceViewModel, direction: 1 | -1): boolean {
	const { model, selected } = view;
	const from = selected < 0 ? (direction === 1 ? -1 : model.nodeCount) : (model.position[selected] as number);
	for (let moved = 1; moved <= model.nodeCount; moved++) {
		const at = (from + direction * moved + 2 * model.nodeCount) % model.nodeCount;
		const node = model.order[at] as number;
		if (model.status[node] !== 2) continue;
		view.reveal(node);
		view.select(node);
		// The row exists once the ancestors are open.
		requestAnimationFrame(() => document.getElementById(`span-row-${node}`)?.scrollIntoView({ block: 'nearest' }));
		view.show(node);
		return true;
	}
	return true;
}

function fit(view: TraceViewModel): void {
	const { model, selected } = view;
	if (selected < 0) return;
	const start = model.start[selected] as number;
	const duration = Math.max(model.duration[selected] as number, 10);
	view.setWindow(zoomWindow({ from: start, to: start + duration }, 1.25, start + duration / 2, model.extent));
}

/** The middle of the selected span where it is in sight, else of the window. */
function anchor({ model, selected, window }: TraceViewModel): number {
	const middle = (window.from + window.to) / 2;
	if (selected < 0) return middle;
	const center = (model.start[selected] as number) + (model.duration[selected] as number) / 2;
	return center >= window.from && center <= window.to ? center : middle;
}

function escape(view: TraceViewModel, targets: KeyTargets): boolean {
	if (targets.help) targets.setHelp(false);
	else if (view.state.span !== '') view.close();
	else if (view.state.filter !== '') view.change({ filter: '' });
	else if (view.state.window !== undefined) view.change({ window: undefined });
	else return false;
	return true;
}
