/** Paints the whole trace into the minimap: each span a thin line at its place in the tree. Once for each size and theme. */

import type { BarPalette } from './draw-bars.ts';
import { FLAG, type TraceModel } from './model.ts';

export function drawMinimap(
	context: CanvasRenderingContext2D,
	model: TraceModel,
	palette: BarPalette,
	width: number,
	height: number,
): void {
	context.clearRect(0, 0, width, height);
	const scale = width / model.extent;
	const step = height / model.nodeCount;
	const thickness = Math.max(Math.min(step * 0.75, 4), 1);
	const column = model.response.columns.service;
	for (let at = 0; at < model.nodeCount; at++) {
		const node = model.order[at] as number;
		if (((model.flags[node] as number) & FLAG.missing) !== 0) continue;
		context.fillStyle = palette.strong[column[node] as number] as string;
		context.fillRect((model.start[node] as number) * scale, at * step, Math.max((model.duration[node] as number) * scale, 1), thickness);
	}
	// Errors last, so that nothing covers them.
	context.fillStyle = palette.error;
	for (let at = 0; at < model.nodeCount; at++) {
		const node = model.order[at] as number;
		if (model.status[node] !== 2) continue;
		context.fillRect(
			(model.start[node] as number) * scale,
			at * step - 0.5,
			Math.max((model.duration[node] as number) * scale, 2),
			thickness + 1,
		);
	}
}
