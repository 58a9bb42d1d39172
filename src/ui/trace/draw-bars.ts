/**
 * Paints the bars of the rows on screen. Called for each frame of zooming and panning, so it reads typed arrays only and touches
 * nothing outside the rows and the stretch of time shown.
 */

import type { CriticalPath } from './critical-path.ts';
import { FLAG, type TraceModel } from './model.ts';
import { HIDDEN, type Rows } from './rows.ts';
import { type TimeWindow, ticks } from './time-window.ts';

export const ROW_PX = 22;
const BAR_TOP = 5;
const BAR_PX = 11;
/** Shorter bars are drawn this wide, or they would vanish. */
const BAR_WIDTH_MIN = 2;
const GAP_PX = 6;

/** Colours as CSS text, read once for each theme. */
export interface BarPalette {
	/** By service index of the response. */
	readonly strong: readonly string[];
	readonly soft: readonly string[];
	readonly line: string;
	readonly lineStrong: string;
	readonly text: string;
	readonly text2: string;
	readonly surface: string;
	readonly error: string;
	readonly critical: string;
	readonly warn: string;
	readonly accent: string;
}

export interface BarScene {
	readonly model: TraceModel;
	readonly rows: Rows;
	readonly path: CriticalPath | undefined;
	/** Log offsets of each span, nanoseconds from the start of the trace. */
	readonly logs: ReadonlyMap<number, readonly number[]>;
	readonly window: TimeWindow;
	readonly palette: BarPalette;
	readonly label: (ns: number) => string;
}

/** Rows [first, last) onto a context whose origin is the top left of row `first`; `width` in CSS pixels. */
export function drawBars(
	context: CanvasRenderingContext2D,
	scene: BarScene,
	first: number,
	last: number,
	width: number,
	height: number,
): void {
	const { rows, window, palette } = scene;
	context.clearRect(0, 0, width, height);
	const scale = width / (window.to - window.from);
	context.fillStyle = palette.line;
	for (const tick of ticks(window, Math.max(2, Math.floor(width / 120))))
		context.fillRect(Math.round((tick - window.from) * scale), 0, 1, height);
	context.font = '11px "Inter Variable", system-ui, sans-serif';
	context.textBaseline = 'middle';
	for (let row = first; row < last; row++) {
		const node = rows.node[row];
		if (node === undefined || node === HIDDEN) continue;
		context.globalAlpha = rows.faint[row] === 1 ? 0.4 : 1;
		drawRow(context, scene, node, (row - first) * ROW_PX, width, scale);
	}
	context.globalAlpha = 1;
}

function drawRow(context: CanvasRenderingContext2D, scene: BarScene, node: number, y: number, width: number, scale: number): void {
	const { model, palette, window } = scene;
	const start = model.start[node] as number;
	const end = start + (model.duration[node] as number);
	const flags = model.flags[node] as number;
	const x0 = (start - window.from) * scale;
	const x1 = Math.max((end - window.from) * scale, x0 + BAR_WIDTH_MIN);
	if (x1 < 0 || x0 > width) return drawOutside(context, x1 < 0, y, width, palette);
	const left = Math.max(x0, -2);
	const right = Math.min(x1, width + 2);
	const top = y + BAR_TOP;
	if ((flags & FLAG.missing) !== 0) {
		context.strokeStyle = palette.text2;
		context.setLineDash([4, 3]);
		context.strokeRect(left + 0.5, top + 0.5, Math.max(right - left - 1, 1), BAR_PX - 1);
		context.setLineDash([]);
		return;
	}
	const service = model.response.columns.service[node] as number;
	context.fillStyle = palette.soft[service] as string;
	context.fillRect(left, top, right - left, BAR_PX);
	context.fillStyle = palette.strong[service] as string;
	drawStretches(
		context,
		model.selfStart,
		model.selfEnd,
		model.selfOffset[node] as number,
		model.selfOffset[node + 1] as number,
		scene,
		scale,
		width,
		top,
		BAR_PX,
	);
	// A span too short to show its parts is all self time to the eye.
	if (x1 - x0 <= BAR_WIDTH_MIN) context.fillRect(left, top, right - left, BAR_PX);
	if ((flags & FLAG.async) !== 0) hatch(context, left, right, top, palette);
	if (scene.path !== undefined) {
		context.fillStyle = palette.critical;
		const { from, to, offset } = scene.path;
		drawStretches(context, from, to, offset[node] as number, offset[node + 1] as number, scene, scale, width, top + BAR_PX - 2, 2);
	}
	drawEvents(context, scene, node, scale, width, top);
	drawLogs(context, scene, node, scale, width, top + BAR_PX + 3);
	drawLabel(context, scene, node, left, right, y, width);
}

/** Fills [from[i], to[i]) for i in [first, last); stretches closer than a pixel become one rectangle. */
function drawStretches(
	context: CanvasRenderingContext2D,
	from: Float64Array,
	to: Float64Array,
	first: number,
	last: number,
	scene: BarScene,
	scale: number,
	width: number,
	top: number,
	height: number,
): void {
	let pendingFrom = 0;
	let pendingTo = -1;
	for (let at = first; at < last; at++) {
		const left = ((from[at] as number) - scene.window.from) * scale;
		const right = ((to[at] as number) - scene.window.from) * scale;
		if (right < 0) continue;
		if (left > width) break;
		if (pendingTo >= 0 && left - pendingTo < 0.5) {
			pendingTo = right;
			continue;
		}
		if (pendingTo >= 0) context.fillRect(pendingFrom, top, pendingTo - pendingFrom, height);
		pendingFrom = Math.max(left, -2);
		pendingTo = Math.min(right, width + 2);
	}
	if (pendingTo >= 0) context.fillRect(pendingFrom, top, Math.max(pendingTo - pendingFrom, 0.75), height);
}

function hatch(context: CanvasRenderingContext2D, left: number, right: number, top: number, palette: BarPalette): void {
	context.save();
	context.beginPath();
	context.rect(left, top, right - left, BAR_PX);
	context.clip();
	context.beginPath();
	// Anchored to the page, not to the bar, so that stripes do not crawl while zooming.
	for (let x = Math.floor(left / 6) * 6 - BAR_PX; x < right; x += 6) {
		context.moveTo(x, top + BAR_PX);
		context.lineTo(x + BAR_PX, top);
	}
	context.strokeStyle = palette.surface;
	context.lineWidth = 1.75;
	context.stroke();
	context.lineWidth = 1;
	context.restore();
}

/** A small arrow at the edge says that the bar lies outside the stretch shown. */
function drawOutside(context: CanvasRenderingContext2D, before: boolean, y: number, width: number, palette: BarPalette): void {
	const middle = y + ROW_PX / 2;
	const tip = before ? 4 : width - 4;
	const base = before ? 8 : width - 8;
	context.fillStyle = palette.text2;
	context.beginPath();
	context.moveTo(tip, middle);
	context.lineTo(base, middle - 3);
	context.lineTo(base, middle + 3);
	context.fill();
}

function drawEvents(context: CanvasRenderingContext2D, scene: BarScene, node: number, scale: number, width: number, top: number): void {
	const { model, palette } = scene;
	const { offsetNs, name } = model.response.events;
	let lastX = Number.NEGATIVE_INFINITY;
	for (let at = model.eventOffset[node] as number; at < (model.eventOffset[node + 1] as number); at++) {
		const event = model.eventList[at] as number;
		const x = Math.round(((offsetNs[event] as number) - scene.window.from) * scale);
		if (x < 0 || x > width || x === lastX) continue;
		lastX = x;
		context.fillStyle = model.response.names[name[event] as number] === 'exception' ? palette.error : palette.text;
		context.fillRect(x - 0.5, top - 3, 1.5, BAR_PX + 3);
	}
}

function drawLogs(context: CanvasRenderingContext2D, scene: BarScene, node: number, scale: number, width: number, y: number): void {
	const logs = scene.logs.get(node);
	if (logs === undefined) return;
	context.fillStyle = scene.palette.text2;
	let lastX = Number.NEGATIVE_INFINITY;
	for (const offset of logs) {
		const x = (offset - scene.window.from) * scale;
		if (x < 0 || x > width || x - lastX < 2) continue;
		lastX = x;
		context.beginPath();
		context.arc(x, y, 1.75, 0, Math.PI * 2);
		context.fill();
	}
}

/** Error glyph and duration, right of the bar where they fit, else left of it, else not at all: never over a bar. */
function drawLabel(
	context: CanvasRenderingContext2D,
	scene: BarScene,
	node: number,
	left: number,
	right: number,
	y: number,
	width: number,
): void {
	const { model, palette } = scene;
	const failed = model.status[node] === 2;
	const skewed = ((model.flags[node] as number) & FLAG.skewed) !== 0;
	const label = scene.label(model.duration[node] as number);
	const glyphs = (failed ? 14 : 0) + (skewed ? 14 : 0);
	const needed = context.measureText(label).width + glyphs;
	let x: number;
	if (right + GAP_PX + needed <= width) x = right + GAP_PX;
	else if (left - GAP_PX - needed >= 0) x = left - GAP_PX - needed;
	else return;
	const middle = y + BAR_TOP + BAR_PX / 2;
	if (failed) {
		errorGlyph(context, x + 5, middle, palette);
		x += 14;
	}
	if (skewed) {
		skewGlyph(context, x + 5, middle, palette);
		x += 14;
	}
	context.fillStyle = failed ? palette.error : palette.text2;
	context.fillText(label, x, middle + 0.5);
}

function errorGlyph(context: CanvasRenderingContext2D, x: number, y: number, palette: BarPalette): void {
	context.fillStyle = palette.error;
	context.beginPath();
	context.arc(x, y, 5, 0, Math.PI * 2);
	context.fill();
	context.fillStyle = palette.surface;
	context.fillRect(x - 0.75, y - 3, 1.5, 3.5);
	context.fillRect(x - 0.75, y + 1.5, 1.5, 1.5);
}

function skewGlyph(context: CanvasRenderingContext2D, x: number, y: number, palette: BarPalette): void {
	context.strokeStyle = palette.warn;
	context.lineWidth = 1.25;
	context.beginPath();
	context.arc(x, y, 4.5, 0, Math.PI * 2);
	context.moveTo(x, y - 2.5);
	context.lineTo(x, y);
	context.lineTo(x + 2, y + 1);
	context.stroke();
	context.lineWidth = 1;
}
