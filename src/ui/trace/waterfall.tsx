/** The waterfall: a scale, and under it the rows and bars in view, tile by tile. */

import { useElementSize, useMergedRef } from '@mantine/hooks';
import { type KeyboardEvent, memo, type RefObject, useEffect } from 'react';
import { useLatest } from '../app/use-latest.ts';
import type { CriticalPath } from './critical-path.ts';
import { ROW_PX } from './draw-bars.ts';
import { INDENT_PX } from './guides.ts';
import type { TraceModel } from './model.ts';
import type { Rows } from './rows.ts';
import { TimeAxis } from './time-axis.tsx';
import { panWindow, type TimeWindow, zoomWindow } from './time-window.ts';
import { useDivider } from './use-divider.ts';
import { usePalette } from './use-palette.ts';
import { TILE_ROWS, useTileRange } from './use-tile-range.ts';
import { rowId, WaterfallTile } from './waterfall-tile.tsx';

export interface WaterfallProps {
	readonly model: TraceModel;
	readonly rows: Rows;
	readonly path: CriticalPath | undefined;
	readonly logs: ReadonlyMap<number, readonly number[]>;
	readonly window: TimeWindow;
	readonly onWindow: (window: TimeWindow) => void;
	/** Node number, -1 for none. */
	readonly selected: number;
	readonly collapsed: ReadonlySet<number>;
	/** False while a filter decides what is shown. */
	readonly collapsible: boolean;
	readonly onSelect: (node: number) => void;
	readonly onToggle: (node: number) => void;
	/** Node under the pointer, -1 for none. */
	readonly onHover: (node: number) => void;
	readonly scroller: RefObject<HTMLDivElement | null>;
	readonly onKeyDown: (event: KeyboardEvent) => void;
}

/** Panes narrower than this save on indents. */
const NARROW_PX = 520;

export const Waterfall = memo(function Waterfall(props: WaterfallProps) {
	const { rows, window, selected, scroller } = props;
	const { ref: sizeRef, width: paneWidth, height: paneHeight } = useElementSize<HTMLDivElement>();
	const mergedRef = useMergedRef(scroller, sizeRef);
	const divider = useDivider(paneWidth);
	const barWidth = Math.max(paneWidth - divider.widthPx, 0);
	useWheel(scroller, divider.widthPx, barWidth, props);
	return (
		<div className="waterfall" style={{ ['--tree-width' as string]: `${divider.widthPx}px` }}>
			<div className="waterfall__head" aria-hidden="true">
				<div className="waterfall__head-tree">Service and operation</div>
				<TimeAxis window={window} width={barWidth} />
			</div>
			{/* A treegrid is focusable as a whole and points at its active row. */}
			<div
				ref={mergedRef}
				className="waterfall__scroller"
				role="treegrid"
				aria-label="Spans"
				aria-rowcount={rows.count}
				aria-activedescendant={selected >= 0 ? rowId(selected) : undefined}
				tabIndex={0}
				onKeyDown={props.onKeyDown}
				onPointerLeave={() => props.onHover(-1)}
			>
				<div className="waterfall__body" role="rowgroup" style={{ height: rows.count * ROW_PX }}>
					<Tiles {...props} width={barWidth} paneHeight={paneHeight} indentPx={paneWidth < NARROW_PX ? INDENT_PX.narrow : INDENT_PX.wide} />
				</div>
			</div>
			<div
				className="waterfall__divider"
				role="separator"
				aria-orientation="vertical"
				aria-label="Width of the tree"
				aria-valuenow={divider.widthPx}
				tabIndex={0}
				onPointerDown={divider.onPointerDown}
				onKeyDown={divider.onKeyDown}
			/>
		</div>
	);
});

/** Only this part is drawn anew when the view moves to other tiles. */
function Tiles(props: WaterfallProps & { width: number; paneHeight: number; indentPx: number }) {
	const { model, rows, path, logs, window, width, selected, collapsed, collapsible, indentPx, onSelect, onToggle, onHover } = props;
	const palette = usePalette(model);
	const range = useTileRange(props.scroller, rows.count);
	const selectedRow = selected < 0 ? -1 : rows.node.indexOf(selected);
	const tailPx = Math.max(props.paneHeight - rows.count * ROW_PX, 0);
	const tiles = [];
	for (let tile = range.first; tile < range.last; tile++) {
		const first = tile * TILE_ROWS;
		const last = Math.min(first + TILE_ROWS, rows.count);
		const shared = { model, rows, path, logs, window, palette, width, collapsed, collapsible, indentPx, onSelect, onToggle, onHover };
		tiles.push(
			<WaterfallTile
				key={tile}
				{...shared}
				first={first}
				last={last}
				tailPx={last === rows.count ? tailPx : 0}
				selected={selectedRow >= first && selectedRow < last ? selected : -1}
			/>,
		);
	}
	return tiles;
}

/** Ctrl and the wheel zoom around the pointer, Shift and the wheel (or a sideways swipe) pan. React's wheel listeners are passive. */
function useWheel(scroller: RefObject<HTMLDivElement | null>, treeWidth: number, barWidth: number, props: WaterfallProps): void {
	const latest = useLatest(props);
	useEffect(() => {
		const element = scroller.current;
		if (element === null || barWidth === 0) return;
		const onWheel = (event: WheelEvent): void => {
			const { window, onWindow, model } = latest.current;
			const sideways = event.shiftKey ? event.deltaY + event.deltaX : event.deltaX;
			if (event.ctrlKey || event.metaKey) {
				const x = event.clientX - element.getBoundingClientRect().left - treeWidth;
				const share = Math.min(Math.max(x / barWidth, 0), 1);
				onWindow(zoomWindow(window, 2 ** (event.deltaY / 200), window.from + (window.to - window.from) * share, model.extent));
			} else if (event.shiftKey || Math.abs(sideways) > Math.abs(event.deltaY))
				onWindow(panWindow(window, sideways / barWidth, model.extent));
			else return;
			event.preventDefault();
		};
		element.addEventListener('wheel', onWheel, { passive: false });
		return () => element.removeEventListener('wheel', onWheel);
	}, [scroller, treeWidth, barWidth, latest]);
}
