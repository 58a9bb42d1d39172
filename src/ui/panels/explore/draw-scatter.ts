/** Paints the scatter plot. Colours come from the theme's variables, so both themes share this code. */

import { axisTime, count, duration, THIN_SPACE, text } from '../../widgets/format.ts';
import { type Dot, type Plot, type Unfetched, yOf } from './scatter-layout.ts';

export function drawScatter(
	canvas: HTMLCanvasElement,
	width: number,
	height: number,
	plot: Plot,
	dots: readonly Dot[],
	activeId: string | undefined,
	unfetched: Unfetched | undefined,
): void {
	const ratio = devicePixelRatio || 1;
	canvas.width = Math.round(width * ratio);
	canvas.height = Math.round(height * ratio);
	const context = canvas.getContext('2d');
	if (context === null) return;
	context.scale(ratio, ratio);
	const styles = getComputedStyle(document.documentElement);
	const color = (name: string): string => styles.getPropertyValue(name).trim();
	context.font = '11px "Inter Variable", system-ui, sans-serif';
	if (unfetched !== undefined) drawUnfetched(context, plot, unfetched, color);
	drawAxes(context, plot, color);
	for (const dot of dots) if (dot.trace.traceId !== activeId) drawDot(context, dot, color, false);
	const active = dots.find((dot) => dot.trace.traceId === activeId);
	if (active !== undefined) drawDot(context, active, color, true);
}

function drawAxes(context: CanvasRenderingContext2D, plot: Plot, color: (name: string) => string): void {
	context.strokeStyle = color('--line');
	context.fillStyle = color('--text-2');
	context.lineWidth = 1;
	context.textBaseline = 'middle';
	context.textAlign = 'right';
	for (let ns = plot.minNs; ns <= plot.maxNs * 1.001; ns *= 10) {
		const y = Math.round(yOf(plot, ns)) + 0.5;
		context.beginPath();
		context.moveTo(plot.left, y);
		context.lineTo(plot.left + plot.width, y);
		context.stroke();
		context.fillText(durationLabel(ns), plot.left - 8, y);
	}
	context.textBaseline = 'alphabetic';
	const labels = Math.max(2, Math.min(8, Math.floor(plot.width / 120)));
	for (let label = 0; label <= labels; label++) {
		const share = label / labels;
		context.textAlign = label === 0 ? 'left' : label === labels ? 'right' : 'center';
		context.fillText(
			axisTime(plot.fromMs + share * (plot.toMs - plot.fromMs), plot.toMs - plot.fromMs),
			plot.left + share * plot.width,
			plot.top + plot.height + 16,
		);
	}
}

/** Powers of ten in one unit each: '100 s', not '1 min 40 s'. */
function durationLabel(ns: number): string {
	return ns >= 60e9 ? `${count(ns / 1e9).value}${count(ns / 1e9).unit}${THIN_SPACE}s` : text(duration(Math.round(ns)));
}

/** Results not fetched yet lie where nothing is drawn: say so instead of showing an empty hour. */
function drawUnfetched(context: CanvasRenderingContext2D, plot: Plot, unfetched: Unfetched, color: (name: string) => string): void {
	context.fillStyle = color('--surface-2');
	if (unfetched.beforeX > plot.left) context.fillRect(plot.left, plot.top, unfetched.beforeX - plot.left, plot.height);
	if (unfetched.belowY < plot.top + plot.height)
		context.fillRect(plot.left, unfetched.belowY, plot.width, plot.top + plot.height - unfetched.belowY);
}

function drawDot(context: CanvasRenderingContext2D, dot: Dot, color: (name: string) => string, active: boolean): void {
	const failed = dot.trace.errorCount > 0;
	const tone = color(failed ? '--error' : '--accent');
	context.beginPath();
	context.arc(dot.x, dot.y, dot.radius, 0, Math.PI * 2);
	context.globalAlpha = active ? 0.9 : failed ? 0.25 : 0.35;
	context.fillStyle = tone;
	context.fill();
	context.globalAlpha = 1;
	context.strokeStyle = active ? color('--text') : tone;
	context.lineWidth = active ? 2 : 1;
	context.stroke();
	if (!failed) return;
	const arm = Math.min(dot.radius, 5) * 0.6;
	context.beginPath();
	context.moveTo(dot.x - arm, dot.y - arm);
	context.lineTo(dot.x + arm, dot.y + arm);
	context.moveTo(dot.x + arm, dot.y - arm);
	context.lineTo(dot.x - arm, dot.y + arm);
	context.lineWidth = 1.5;
	context.strokeStyle = active ? color('--surface-1') : tone;
	context.stroke();
}
