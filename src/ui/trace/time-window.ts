/** The stretch of the trace the bars show, in nanoseconds from its start, and the arithmetic of zooming, panning and ticks. */

export interface TimeWindow {
	readonly from: number;
	readonly to: number;
}

/** Below this nothing can be told apart. */
const WIDTH_NS_MIN = 10;

export function fullWindow(extent: number): TimeWindow {
	return { from: 0, to: extent };
}

export function isFull(window: TimeWindow, extent: number): boolean {
	return window.from <= 0 && window.to >= extent;
}

/** Keeps width and moves inside the trace; narrower than the smallest width becomes the smallest. */
export function clampWindow(window: TimeWindow, extent: number): TimeWindow {
	const width = Math.min(Math.max(window.to - window.from, Math.min(WIDTH_NS_MIN, extent)), extent);
	const from = Math.min(Math.max(window.from, 0), extent - width);
	return { from, to: from + width };
}

/** `factor` below 1 zooms in. `anchor` (nanoseconds) keeps its place on the screen. */
export function zoomWindow(window: TimeWindow, factor: number, anchor: number, extent: number): TimeWindow {
	const width = Math.min(Math.max((window.to - window.from) * factor, Math.min(WIDTH_NS_MIN, extent)), extent);
	const share = (anchor - window.from) / (window.to - window.from);
	const from = anchor - width * share;
	return clampWindow({ from, to: from + width }, extent);
}

/** `share` of the window's own width; negative goes back. */
export function panWindow(window: TimeWindow, share: number, extent: number): TimeWindow {
	const step = (window.to - window.from) * share;
	return clampWindow({ from: window.from + step, to: window.to + step }, extent);
}

/** Round instants (1, 2, 5 times a power of ten) inside the window, about `wanted` of them. */
export function ticks(window: TimeWindow, wanted: number): number[] {
	const width = window.to - window.from;
	if (width <= 0 || wanted < 1) return [];
	const rough = width / wanted;
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = ([1, 2, 5, 10].find((multiple) => multiple * power >= rough) ?? 10) * power;
	const found: number[] = [];
	for (let at = Math.ceil(window.from / step); at * step <= window.to; at++) found.push(at * step);
	return found;
}
