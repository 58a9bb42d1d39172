/** The whole trace at a glance over the waterfall; the bright part is what the bars show. Drag to choose, drag its middle or edges to move. */

import { useElementSize } from '@mantine/hooks';
import { type KeyboardEvent, type PointerEvent, useLayoutEffect, useRef, useState } from 'react';
import { duration, text } from '../widgets/format.ts';
import { drawMinimap } from './draw-minimap.ts';
import type { TraceModel } from './model.ts';
import { clampWindow, fullWindow, isFull, panWindow, type TimeWindow } from './time-window.ts';
import { usePalette } from './use-palette.ts';

export interface MinimapProps {
	readonly model: TraceModel;
	readonly window: TimeWindow;
	readonly onWindow: (window: TimeWindow) => void;
}

const HEIGHT_PX = 48;
const HANDLE_PX = 8;
const DRAG_PX = 3;

type Grip = 'new' | 'move' | 'from' | 'to';

export function Minimap({ model, window, onWindow }: MinimapProps) {
	const { ref, width } = useElementSize();
	const canvas = useRef<HTMLCanvasElement>(null);
	const palette = usePalette(model);
	const [grip, setGrip] = useState<{ kind: Grip; x: number; window: TimeWindow }>();
	useLayoutEffect(() => {
		const element = canvas.current;
		const context = element?.getContext('2d');
		if (element === null || context === null || context === undefined || width === 0) return;
		const ratio = devicePixelRatio || 1;
		element.width = Math.round(width * ratio);
		element.height = HEIGHT_PX * ratio;
		context.scale(ratio, ratio);
		drawMinimap(context, model, palette, width, HEIGHT_PX);
	}, [model, palette, width]);

	const { extent } = model;
	const left = (window.from / extent) * width;
	const right = (window.to / extent) * width;
	const whole = isFull(window, extent);
	const xOf = (event: PointerEvent<HTMLElement>): number => event.clientX - event.currentTarget.getBoundingClientRect().left;
	const onPointerDown = (event: PointerEvent<HTMLElement>): void => {
		if (event.button !== 0) return;
		event.currentTarget.setPointerCapture(event.pointerId);
		const x = xOf(event);
		const kind: Grip = whole
			? 'new'
			: Math.abs(x - left) <= HANDLE_PX
				? 'from'
				: Math.abs(x - right) <= HANDLE_PX
					? 'to'
					: x > left && x < right
						? 'move'
						: 'new';
		setGrip({ kind, x, window });
	};
	const onPointerMove = (event: PointerEvent<HTMLElement>): void => {
		if (grip === undefined) return;
		const x = xOf(event);
		if (grip.kind === 'new' && Math.abs(x - grip.x) < DRAG_PX) return;
		onWindow(dragged(grip, x, width, extent));
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.key === 'ArrowLeft') onWindow(panWindow(window, -0.1, extent));
		else if (event.key === 'ArrowRight') onWindow(panWindow(window, 0.1, extent));
		else return;
		event.preventDefault();
		event.stopPropagation();
	};
	return (
		<div
			ref={ref}
			className="minimap"
			role="slider"
			tabIndex={0}
			aria-label="Stretch of the trace shown"
			aria-valuemin={0}
			aria-valuemax={Math.round(extent)}
			aria-valuenow={Math.round(window.from)}
			aria-valuetext={`${text(duration(window.from))} to ${text(duration(window.to))}`}
			title="Drag to choose a stretch of time; double click shows the whole trace"
			onPointerDown={onPointerDown}
			onPointerMove={onPointerMove}
			onPointerUp={() => setGrip(undefined)}
			onPointerCancel={() => setGrip(undefined)}
			onDoubleClick={() => onWindow(fullWindow(extent))}
			onKeyDown={onKeyDown}
		>
			<canvas ref={canvas} className="minimap__canvas" aria-hidden="true" />
			{!whole && (
				<>
					<div className="minimap__shade" style={{ left: 0, width: left }} />
					<div className="minimap__shade" style={{ left: right, right: 0 }} />
					<div className="minimap__window" style={{ left, width: Math.max(right - left, 2) }} />
				</>
			)}
		</div>
	);
}

function dragged(grip: { kind: Grip; x: number; window: TimeWindow }, x: number, width: number, extent: number): TimeWindow {
	const at = (position: number): number => Math.min(Math.max((position / width) * extent, 0), extent);
	const shift = ((x - grip.x) / width) * extent;
	if (grip.kind === 'move') return clampWindow({ from: grip.window.from + shift, to: grip.window.to + shift }, extent);
	const fixed = grip.kind === 'new' ? at(grip.x) : grip.kind === 'from' ? grip.window.to : grip.window.from;
	return clampWindow({ from: Math.min(fixed, at(x)), to: Math.max(fixed, at(x)) }, extent);
}
