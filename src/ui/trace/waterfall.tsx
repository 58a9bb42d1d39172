/** The waterfall: a tree of rows in the document, and one canvas behind them with the bars of the rows drawn. */

import { useElementSize, useMergedRef } from '@mantine/hooks';
import { type KeyboardEvent, type RefObject, useCallback, useEffect, useLayoutEffect, useRef } from 'react';
import { useLatest } from '../app/use-latest.ts';
import { duration, text } from '../widgets/format.ts';
import type { CriticalPath } from './critical-path.ts';
import { drawBars, ROW_PX } from './draw-bars.ts';
import { INDENT_PX } from './guides.ts';
import type { TraceModel } from './model.ts';
import { HIDDEN, type Rows } from './rows.ts';
import { TimeAxis } from './time-axis.tsx';
import { panWindow, type TimeWindow, zoomWindow } from './time-window.ts';
import { useDivider } from './use-divider.ts';
import { usePalette } from './use-palette.ts';
import { type RowRange, useRowRange } from './use-row-range.ts';
import { HiddenRow, WaterfallRow } from './waterfall-row.tsx';

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

export const rowId = (node: number): string => `span-row-${node}`;

export function Waterfall(props: WaterfallProps) {
	const { model, rows, window, selected, scroller } = props;
	const { ref: sizeRef, width: paneWidth, height: paneHeight } = useElementSize<HTMLDivElement>();
	const mergedRef = useMergedRef(scroller, sizeRef);
	const divider = useDivider(paneWidth);
	const barWidth = Math.max(paneWidth - divider.widthPx, 0);
	const range = useRowRange(scroller, rows.count);
	const palette = usePalette(model);
	useWheel(scroller, divider.widthPx, barWidth, props);
	return (
		<div className="waterfall" style={{ ['--tree-width' as string]: `${divider.widthPx}px` }}>
			<div className="waterfall__head" aria-hidden="true">
				<div className="waterfall__head-tree">Service and operation</div>
				<TimeAxis window={window} width={barWidth} />
			</div>
			{/* biome-ignore lint/a11y: a treegrid is focusable as a whole and points at its active row. */}
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
					<Bars {...props} range={range} width={barWidth} minHeight={paneHeight} palette={palette} />
					{rowsIn(range, props, palette.strong, paneWidth < NARROW_PX)}
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
}

function rowsIn(range: RowRange, props: WaterfallProps, colors: readonly string[], narrow: boolean) {
	const { model, rows } = props;
	const elements = [];
	for (let row = range.first; row < range.last; row++) {
		const node = rows.node[row];
		if (node === undefined) continue;
		if (node === HIDDEN) {
			elements.push(<HiddenRow key={`hidden ${row}`} row={row} count={rows.hidden[row] as number} />);
			continue;
		}
		elements.push(
			<WaterfallRow
				key={node}
				id={rowId(node)}
				model={model}
				node={node}
				row={row}
				color={colors[model.response.columns.service[node] ?? -1] ?? 'transparent'}
				selected={node === props.selected}
				collapsed={props.collapsed.has(node)}
				collapsible={props.collapsible}
				faint={rows.faint[row] === 1}
				indentPx={narrow ? INDENT_PX.narrow : INDENT_PX.wide}
				onSelect={props.onSelect}
				onToggle={props.onToggle}
				onHover={props.onHover}
			/>,
		);
	}
	return elements;
}

const label = (ns: number): string => text(duration(ns));

function Bars(props: WaterfallProps & { range: RowRange; width: number; minHeight: number; palette: ReturnType<typeof usePalette> }) {
	const { model, rows, path, logs, window, range, width, palette } = props;
	const canvas = useRef<HTMLCanvasElement>(null);
	const painted = useRef(false);
	// Grid lines run down to the end of the pane, also under a short trace.
	const heightPx = Math.max((range.last - range.first) * ROW_PX, range.first === 0 ? props.minHeight : 0);
	const draw = useCallback(() => {
		const context = canvas.current?.getContext('2d');
		if (canvas.current === null || context === null || context === undefined || width === 0) return;
		const ratio = devicePixelRatio || 1;
		const pixels = { width: Math.round(width * ratio), height: Math.round(heightPx * ratio) };
		if (canvas.current.width !== pixels.width || canvas.current.height !== pixels.height) Object.assign(canvas.current, pixels);
		context.setTransform(ratio, 0, 0, ratio, 0, 0);
		drawBars(context, { model, rows, path, logs, window, palette, label }, range.first, range.last, width, heightPx);
		// For measurements: bench and browser tests read it.
		if (!painted.current) performance.mark('waterfall-first-paint');
		painted.current = true;
	}, [model, rows, path, logs, window, palette, range, width, heightPx]);
	useLayoutEffect(draw, [draw]);
	// Until the font is there, measured text has another width.
	useEffect(() => void document.fonts.ready.then(draw), [draw]);
	return (
		<canvas ref={canvas} className="waterfall__bars" aria-hidden="true" style={{ top: range.first * ROW_PX, width, height: heightPx }} />
	);
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
