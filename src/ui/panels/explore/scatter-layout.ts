/** Where the dots of the scatter plot stand: time across, duration upwards on a logarithmic scale, area by number of spans. */

import type { TraceSummary } from '../../../api/contract.ts';
import { msOfNs } from '../../widgets/format.ts';

export interface Plot {
	/** Inner area in CSS pixels. */
	readonly left: number;
	readonly top: number;
	readonly width: number;
	readonly height: number;
	readonly fromMs: number;
	readonly toMs: number;
	/** Powers of ten, nanoseconds. */
	readonly minNs: number;
	readonly maxNs: number;
}

/** Part of the covered time left free before the oldest result, to show that there is more. */
const UNFETCHED_SHARE = 0.06;

export interface Dot {
	readonly trace: TraceSummary;
	readonly x: number;
	readonly y: number;
	readonly radius: number;
}

/** The part of the plot where results may lie that have not been fetched. */
export interface Unfetched {
	/** Pixels: everything left of this, */
	readonly beforeX: number;
	/** or everything below this. */
	readonly belowY: number;
}

export interface Box {
	readonly fromMs: number;
	readonly toMs: number;
	readonly minDurationMs: number;
	readonly maxDurationMs: number;
}

/** The scale ends at the powers of ten around the durations, so that it seldom jumps. */
export function plotOf(
	traces: readonly TraceSummary[],
	area: Pick<Plot, 'left' | 'top' | 'width' | 'height'>,
	fromMs: number,
	toMs: number,
): Plot {
	let shortest = Number.POSITIVE_INFINITY;
	let longest = 1;
	for (const { durationNs } of traces) {
		shortest = Math.min(shortest, Math.max(durationNs, 1));
		longest = Math.max(longest, durationNs);
	}
	const minNs = 10 ** Math.floor(Math.log10(Math.min(shortest, longest)));
	const maxNs = Math.max(10 ** Math.ceil(Math.log10(longest * 1.05)), minNs * 10);
	return { ...area, fromMs, toMs: Math.max(toMs, fromMs + 1), minNs, maxNs };
}

export function yOf(plot: Plot, durationNs: number): number {
	const share = (Math.log10(Math.max(durationNs, 1)) - Math.log10(plot.minNs)) / (Math.log10(plot.maxNs) - Math.log10(plot.minNs));
	return plot.top + plot.height * (1 - share);
}

export function dotsOf(traces: readonly TraceSummary[], plot: Plot): Dot[] {
	return traces.map((trace) => ({
		trace,
		x: plot.left + ((msOfNs(trace.startNs) - plot.fromMs) / (plot.toMs - plot.fromMs)) * plot.width,
		y: yOf(plot, trace.durationNs),
		radius: Math.min(2.5 + Math.sqrt(trace.spanCount) * 0.3, 9),
	}));
}

/**
 * Where the time axis begins. With all results it is the range asked for; with only the newest of many it is just before the oldest of
 * them, or a busy hour would be one column of dots at the right edge.
 */
export function axisFromMs(
	traces: readonly TraceSummary[],
	fromMs: number,
	toMs: number,
	complete: boolean,
	sort: 'time' | 'duration',
): number {
	if (complete || sort === 'duration' || traces.length === 0) return fromMs;
	const oldestMs = Math.min(...traces.map((trace) => msOfNs(trace.startNs)));
	return Math.max(fromMs, Math.floor(oldestMs - (toMs - oldestMs) * UNFETCHED_SHARE));
}

/** Newest first: what is older than the last result; longest first: what is shorter. */
export function unfetchedOf(dots: readonly Dot[], plot: Plot, sort: 'time' | 'duration'): Unfetched | undefined {
	if (dots.length === 0) return undefined;
	const bottom = plot.top + plot.height;
	if (sort === 'time')
		return {
			beforeX: Math.max(Math.min(...dots.map((dot) => dot.x - dot.radius)), plot.left),
			belowY: bottom,
		};
	return {
		beforeX: plot.left,
		belowY: Math.min(Math.max(...dots.map((dot) => dot.y + dot.radius)), bottom),
	};
}

/** The nearest dot whose edge is within `reachPx` of the point. */
export function dotAt(dots: readonly Dot[], x: number, y: number, reachPx = 6): Dot | undefined {
	let nearest: Dot | undefined;
	let least = reachPx;
	for (const dot of dots) {
		const distance = Math.hypot(dot.x - x, dot.y - y) - dot.radius;
		if (distance < least) {
			least = distance;
			nearest = dot;
		}
	}
	return nearest;
}

/** Time and duration of a rectangle given by two corners; durations rounded to what a person would type. */
export function boxOf(plot: Plot, x0: number, y0: number, x1: number, y1: number): Box {
	const timeAt = (x: number): number => plot.fromMs + clamp((x - plot.left) / plot.width) * (plot.toMs - plot.fromMs);
	const durationMsAt = (y: number): number =>
		10 ** (Math.log10(plot.minNs) + (1 - clamp((y - plot.top) / plot.height)) * (Math.log10(plot.maxNs) - Math.log10(plot.minNs))) / 1e6;
	const from = timeAt(Math.min(x0, x1));
	return {
		fromMs: Math.floor(from),
		toMs: Math.max(Math.ceil(timeAt(Math.max(x0, x1))), Math.floor(from) + 1),
		minDurationMs: Number(durationMsAt(Math.max(y0, y1)).toPrecision(2)),
		maxDurationMs: Number(durationMsAt(Math.min(y0, y1)).toPrecision(2)),
	};
}

function clamp(share: number): number {
	return Math.min(Math.max(share, 0), 1);
}
