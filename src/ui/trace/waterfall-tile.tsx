/**
 * Some rows of the waterfall and their bars, drawn once and then only moved by the browser while one scrolls: a new stretch of rows
 * costs one tile, not a screen. Text lives in the document, bars on a canvas beside it.
 */

import { memo, useCallback, useEffect, useLayoutEffect, useRef } from 'react';
import { duration, text } from '../widgets/format.ts';
import type { CriticalPath } from './critical-path.ts';
import { type BarPalette, drawBars, ROW_PX } from './draw-bars.ts';
import type { TraceModel } from './model.ts';
import { HIDDEN, type Rows } from './rows.ts';
import type { TimeWindow } from './time-window.ts';
import { HiddenRow, WaterfallRow } from './waterfall-row.tsx';

export interface WaterfallTileProps {
	readonly model: TraceModel;
	readonly rows: Rows;
	/** Rows [first, last). */
	readonly first: number;
	readonly last: number;
	/** Pixels of grid lines below the last row: under a short trace they run to the end of the pane. */
	readonly tailPx: number;
	readonly path: CriticalPath | undefined;
	readonly logs: ReadonlyMap<number, readonly number[]>;
	readonly window: TimeWindow;
	readonly palette: BarPalette;
	/** Width of the bars in pixels. */
	readonly width: number;
	/** Node selected within this tile, else -1: moving the selection must not touch other tiles. */
	readonly selected: number;
	readonly collapsed: ReadonlySet<number>;
	readonly collapsible: boolean;
	readonly indentPx: number;
	readonly onSelect: (node: number) => void;
	readonly onToggle: (node: number) => void;
	readonly onHover: (node: number) => void;
}

export const rowId = (node: number): string => `span-row-${node}`;

const label = (ns: number): string => text(duration(ns));

export const WaterfallTile = memo(function WaterfallTile(props: WaterfallTileProps) {
	const { first, last, tailPx } = props;
	const heightPx = (last - first) * ROW_PX;
	return (
		<div className="waterfall__tile" role="presentation" style={{ top: first * ROW_PX, height: heightPx + tailPx }}>
			<Bars {...props} heightPx={heightPx + tailPx} />
			{rowsOf(props)}
		</div>
	);
});

function rowsOf(props: WaterfallTileProps) {
	const { model, rows, palette } = props;
	const elements = [];
	for (let row = props.first; row < props.last; row++) {
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
				color={palette.strong[model.response.columns.service[node] ?? -1] ?? 'transparent'}
				selected={node === props.selected}
				collapsed={props.collapsed.has(node)}
				collapsible={props.collapsible}
				faint={rows.faint[row] === 1}
				indentPx={props.indentPx}
				onSelect={props.onSelect}
				onToggle={props.onToggle}
				onHover={props.onHover}
			/>,
		);
	}
	return elements;
}

function Bars({ model, rows, path, logs, window, first, last, width, palette, heightPx }: WaterfallTileProps & { heightPx: number }) {
	const canvas = useRef<HTMLCanvasElement>(null);
	const painted = useRef(false);
	const draw = useCallback(() => {
		const context = canvas.current?.getContext('2d');
		if (canvas.current === null || context === null || context === undefined || width <= 0) return;
		const ratio = devicePixelRatio || 1;
		const pixels = { width: Math.round(width * ratio), height: Math.round(heightPx * ratio) };
		if (canvas.current.width !== pixels.width || canvas.current.height !== pixels.height) Object.assign(canvas.current, pixels);
		context.setTransform(ratio, 0, 0, ratio, 0, 0);
		drawBars(context, { model, rows, path, logs, window, palette, label }, first, last, width, heightPx);
		// For measurements: bench and browser tests read it.
		if (first === 0 && !painted.current) performance.mark('waterfall-first-paint');
		painted.current = true;
	}, [model, rows, path, logs, window, palette, first, last, width, heightPx]);
	useLayoutEffect(draw, [draw]);
	useEffect(() => {
		// Until the font is there, measured text has another width.
		if (document.fonts.status !== 'loaded') void document.fonts.ready.then(draw);
	}, [draw]);
	return <canvas ref={canvas} className="waterfall__bars" aria-hidden="true" style={{ width, height: heightPx }} />;
}
