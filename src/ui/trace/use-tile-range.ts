/** Which tiles of rows are drawn: those in view and one beyond each edge. Scrolling within them is the browser's own work alone. */

import { type RefObject, useEffect, useState } from 'react';
import { ROW_PX } from './draw-bars.ts';

/** Rows of a tile: few enough to draw within a frame, many enough that tiles are rarely added. */
export const TILE_ROWS = 16;

export interface TileRange {
	readonly first: number;
	/** Exclusive. */
	readonly last: number;
}

export function tileRange(scrollTop: number, height: number, rowCount: number): TileRange {
	const tilePx = TILE_ROWS * ROW_PX;
	return {
		first: Math.max(0, Math.floor(scrollTop / tilePx) - 1),
		last: Math.min(Math.ceil(rowCount / TILE_ROWS), Math.ceil((scrollTop + height) / tilePx) + 1),
	};
}

export function useTileRange(scroller: RefObject<HTMLElement | null>, rowCount: number): TileRange {
	const [range, setRange] = useState<TileRange>(() => tileRange(0, innerHeight, rowCount));
	useEffect(() => {
		const element = scroller.current;
		if (element === null) return;
		const measure = (): void => {
			const next = tileRange(element.scrollTop, element.clientHeight, rowCount);
			setRange((before) => (before.first === next.first && before.last === next.last ? before : next));
		};
		// Observing reports once at the start.
		const observer = new ResizeObserver(measure);
		observer.observe(element);
		element.addEventListener('scroll', measure, { passive: true });
		return () => {
			observer.disconnect();
			element.removeEventListener('scroll', measure);
		};
	}, [scroller, rowCount]);
	// The rows may have become fewer since the range was measured.
	const tiles = Math.ceil(rowCount / TILE_ROWS);
	return range.last > tiles ? { first: Math.min(range.first, Math.max(tiles - 1, 0)), last: tiles } : range;
}

/** Scrolls as little as shows the row with one neighbour on each side. */
export function scrollToRow(element: HTMLElement, row: number): void {
	const top = (row - 1) * ROW_PX;
	const bottom = (row + 2) * ROW_PX;
	if (top < element.scrollTop) element.scrollTop = Math.max(0, top);
	else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
}
