/**
 * Which rows are drawn: those on screen and some beyond, moving in steps. Scrolling inside the drawn range costs nothing but the
 * browser's own compositing; only when it leaves the range are rows and bars drawn anew, together, so that they never part.
 */

import { type RefObject, useCallback, useEffect, useState } from 'react';
import { ROW_PX } from './draw-bars.ts';

export interface RowRange {
	readonly first: number;
	/** Exclusive. */
	readonly last: number;
}

const STEP = 16;

/** The drawn range for a scroll position: `STEP` aligned, at least `STEP` rows beyond each edge of the view. */
export function rowRange(scrollTop: number, height: number, rowCount: number): RowRange {
	const top = Math.floor(scrollTop / ROW_PX);
	const bottom = Math.ceil((scrollTop + height) / ROW_PX);
	return {
		first: Math.max(0, Math.floor(top / STEP) * STEP - STEP),
		last: Math.min(rowCount, Math.ceil(bottom / STEP) * STEP + STEP),
	};
}

export function useRowRange(scroller: RefObject<HTMLElement | null>, rowCount: number): RowRange {
	const [range, setRange] = useState<RowRange>({ first: 0, last: Math.min(rowCount, 4 * STEP) });
	const measure = useCallback(() => {
		const element = scroller.current;
		if (element === null) return;
		const next = rowRange(element.scrollTop, element.clientHeight, rowCount);
		setRange((range) => (range.first === next.first && range.last === next.last ? range : next));
	}, [scroller, rowCount]);
	useEffect(() => {
		const element = scroller.current;
		if (element === null) return;
		// Observing reports once at the start.
		const observer = new ResizeObserver(measure);
		observer.observe(element);
		element.addEventListener('scroll', measure, { passive: true });
		return () => {
			observer.disconnect();
			element.removeEventListener('scroll', measure);
		};
	}, [scroller, measure]);
	return range.last > rowCount ? { first: Math.min(range.first, rowCount), last: rowCount } : range;
}

/** Scrolls as little as shows the row with one neighbour on each side. */
export function scrollToRow(element: HTMLElement, row: number): void {
	const top = (row - 1) * ROW_PX;
	const bottom = (row + 2) * ROW_PX;
	if (top < element.scrollTop) element.scrollTop = Math.max(0, top);
	else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
}
