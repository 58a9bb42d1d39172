/** The results as dots: click opens a trace, a drag picks time and duration. Errors are red and crossed, so colour is not alone. */

import { useElementSize } from '@mantine/hooks';
import { type PointerEvent, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import type { TraceSummary } from '../../../api/contract.ts';
import { tracePath } from '../../app/routes.ts';
import { useThemeName } from '../../app/theme.ts';
import { useSearch } from '../../app/use-url.ts';
import { counted, dateTimeNs, duration, text } from '../../widgets/format.ts';
import { drawScatter } from './draw-scatter.ts';
import { axisFromMs, type Box, boxOf, type Dot, dotAt, dotsOf, plotOf, unfetchedOf } from './scatter-layout.ts';

export interface ScatterProps {
	readonly traces: readonly TraceSummary[];
	readonly fromMs: number;
	readonly toMs: number;
	readonly activeId: string | undefined;
	/** False when only the first pages of the results are shown. */
	readonly complete: boolean;
	readonly sort: 'time' | 'duration';
	readonly onPick: (box: Box) => void;
}

const HEIGHT_PX = 168;
const MARGIN = { left: 62, right: 16, top: 10, bottom: 22 };
/** A shorter drag is a click. */
const DRAG_PX = 5;

interface Drag {
	readonly x0: number;
	readonly y0: number;
	readonly x1: number;
	readonly y1: number;
}

export function Scatter(props: ScatterProps) {
	const { traces, toMs, activeId, complete, sort } = props;
	const fromMs = axisFromMs(traces, props.fromMs, toMs, complete, sort);
	const { ref, width } = useElementSize();
	const canvas = useRef<HTMLCanvasElement>(null);
	const themeName = useThemeName();
	const search = useSearch();
	const [, navigate] = useLocation();
	const [hover, setHover] = useState<Dot>();
	const [drag, setDrag] = useState<Drag>();
	const plot = useMemo(() => {
		const area = {
			left: MARGIN.left,
			top: MARGIN.top,
			width: Math.max(width - MARGIN.left - MARGIN.right, 1),
			height: HEIGHT_PX - MARGIN.top - MARGIN.bottom,
		};
		return plotOf(traces, area, fromMs, toMs);
	}, [traces, fromMs, toMs, width]);
	const dots = useMemo(() => dotsOf(traces, plot), [traces, plot]);
	const unfetched = useMemo(
		() => (props.complete ? undefined : unfetchedOf(dots, plot, props.sort)),
		[props.complete, props.sort, dots, plot],
	);
	useLayoutEffect(() => {
		if (canvas.current !== null && width > 0)
			drawScatter(canvas.current, width, HEIGHT_PX, plot, dots, hover?.trace.traceId ?? activeId, unfetched);
	}, [plot, dots, hover, activeId, unfetched, width, themeName]);

	const onPointerDown = (event: PointerEvent<HTMLCanvasElement>): void => {
		if (event.button !== 0 || event.pointerType === 'touch') return;
		event.currentTarget.setPointerCapture(event.pointerId);
		const { offsetX, offsetY } = event.nativeEvent;
		setDrag({ x0: offsetX, y0: offsetY, x1: offsetX, y1: offsetY });
	};
	const onPointerMove = (event: PointerEvent<HTMLCanvasElement>): void => {
		const { offsetX, offsetY } = event.nativeEvent;
		if (drag !== undefined) setDrag({ ...drag, x1: offsetX, y1: offsetY });
		else setHover(dotAt(dots, offsetX, offsetY));
	};
	const onPointerUp = (event: PointerEvent<HTMLCanvasElement>): void => {
		const { offsetX, offsetY } = event.nativeEvent;
		setDrag(undefined);
		if (drag !== undefined && isBox(drag)) return props.onPick(boxOf(plot, drag.x0, drag.y0, drag.x1, drag.y1));
		const dot = dotAt(dots, offsetX, offsetY);
		if (dot !== undefined) navigate(tracePath(dot.trace.traceId, search));
	};
	return (
		<div ref={ref} className="scatter">
			<canvas
				ref={canvas}
				style={{ width: '100%', height: HEIGHT_PX, cursor: hover === undefined ? 'crosshair' : 'pointer' }}
				role="img"
				aria-label={`${counted(traces.length, 'trace')} by start and duration; the same traces stand in the table below`}
				onPointerDown={onPointerDown}
				onPointerMove={onPointerMove}
				onPointerUp={onPointerUp}
				onPointerCancel={() => setDrag(undefined)}
				onPointerLeave={() => setHover(undefined)}
			/>
			{drag !== undefined && isBox(drag) && (
				<div
					className="scatter__box"
					style={{
						left: Math.min(drag.x0, drag.x1),
						top: Math.min(drag.y0, drag.y1),
						width: Math.abs(drag.x1 - drag.x0),
						height: Math.abs(drag.y1 - drag.y0),
					}}
				/>
			)}
			{!complete && (
				<div className="scatter__note">
					{sort === 'time' ? 'The newest' : 'The longest'} {traces.length},{' '}
					{sort === 'time' && `over ${text(duration((toMs - fromMs) * 1e6))}; `}
					{sort === 'time' ? 'older' : 'shorter'} ones are not loaded
				</div>
			)}
			{hover !== undefined && drag === undefined && <Hint dot={hover} width={width} />}
		</div>
	);
}

function isBox(drag: Drag): boolean {
	return Math.abs(drag.x1 - drag.x0) > DRAG_PX || Math.abs(drag.y1 - drag.y0) > DRAG_PX;
}

function Hint({ dot, width }: { dot: Dot; width: number }) {
	const { trace } = dot;
	const right = dot.x > width / 2;
	return (
		<div
			className="scatter__hint"
			style={{ top: Math.max(4, dot.y - 24), ...(right ? { right: width - dot.x + 16 } : { left: dot.x + 16 }) }}
		>
			<div className="ellipsis">
				<span className="quiet">{trace.rootService}</span> {trace.rootName}
			</div>
			<div className="quiet">
				{text(duration(trace.durationNs))}, {counted(trace.spanCount, 'span')}
				{trace.errorCount > 0 && <span className="scatter__errors">, {counted(trace.errorCount, 'error')}</span>}
			</div>
			<div className="quiet">{dateTimeNs(trace.startNs).slice(0, -6)}</div>
		</div>
	);
}
