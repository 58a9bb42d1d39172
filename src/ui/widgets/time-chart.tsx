/** A series over time (uPlot): quiet axes, gaps as gaps, the crosshair shared with its neighbours, a drag picks a stretch of time. */

import { useElementSize } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useThemeName } from '../app/theme.ts';
import { useLatest } from '../app/use-latest.ts';
import { axisTime, type Quantity, text } from './format.ts';

export interface TimeChartProps {
	readonly title: string;
	readonly startMs: number;
	readonly stepMs: number;
	readonly values: readonly (number | null)[];
	readonly format: (value: number) => Quantity;
	/** CSS variable of the line: '--accent'. */
	readonly tone: '--accent' | '--error';
	/** Charts with the same key share their crosshair. */
	readonly syncKey: string;
	readonly onZoom: (fromMs: number, toMs: number) => void;
	readonly kind?: 'line' | 'bars';
	/** Top of the scale while every value is zero. */
	readonly emptyTop: number;
	/** Pixels, axes included. */
	readonly height?: number;
	/** The number of the whole range, beside the title. */
	readonly summary: string;
}

const HEIGHT_PX = 160;

export function TimeChart(props: TimeChartProps) {
	const { ref, width } = useElementSize();
	const themeName = useThemeName();
	const host = useRef<HTMLDivElement>(null);
	const value = useRef<HTMLSpanElement>(null);
	const latest = useLatest(props);
	const { startMs, stepMs, values, tone, syncKey, kind, height = HEIGHT_PX } = props;
	useEffect(() => {
		const element = host.current;
		if (element === null || width === 0) return;
		const styles = getComputedStyle(document.documentElement);
		const color = (name: string): string => styles.getPropertyValue(name).trim();
		const readout = (chart: uPlot): void => {
			const index = chart.cursor.idx;
			const at = index === null || index === undefined ? undefined : chart.data[1]?.[index];
			const { format, summary } = latest.current;
			if (value.current !== null)
				value.current.textContent =
					at === undefined || index === null || index === undefined ? summary : at === null ? 'no calls' : text(format(at));
		};
		const chart = new uPlot(
			{
				width,
				height,
				legend: { show: false },
				cursor: { sync: { key: syncKey }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
				scales: {
					x: { time: true, range: () => [startMs / 1000, (startMs + values.length * stepMs) / 1000] },
					y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : latest.current.emptyTop] },
				},
				axes: [
					{
						...axis(color, 24),
						values: (self, splits) =>
							splits.map((split) => axisTime(split * 1000, ((self.scales['x']?.max ?? 0) - (self.scales['x']?.min ?? 0)) * 1000)),
					},
					{ ...axis(color, 58), values: (_, splits) => splits.map((split) => text(latest.current.format(split))), space: 34 },
				],
				series: [{}, series(color(tone), kind ?? 'line')],
				hooks: {
					setCursor: [readout],
					setSelect: [
						(self) => {
							const { left, width: selected } = self.select;
							if (selected < 4) return;
							self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
							latest.current.onZoom(self.posToVal(left, 'x') * 1000, self.posToVal(left + selected, 'x') * 1000);
						},
					],
				},
			},
			// Each value stands in the middle of its step, so that the last bar is as wide as the first.
			[values.map((_, index) => (startMs + (index + 0.5) * stepMs) / 1000), values as (number | null)[]],
			element,
		);
		return () => chart.destroy();
	}, [width, themeName, startMs, stepMs, values, tone, syncKey, kind, height, latest]);
	return (
		<figure className="chart" ref={ref} aria-label={`${props.title}: ${props.summary}`}>
			<figcaption className="chart__head">
				<span className="chart__title">{props.title}</span>
				<span className="chart__value" ref={value}>
					{props.summary}
				</span>
			</figcaption>
			<div className="chart__plot" ref={host} style={{ height }} />
		</figure>
	);
}

function axis(color: (name: string) => string, size: number): uPlot.Axis {
	return {
		size,
		stroke: color('--text-2'),
		font: '11px "Inter Variable", system-ui, sans-serif',
		grid: { stroke: color('--line'), width: 1 },
		ticks: { show: false },
		gap: 4,
	};
}

/** A value between two gaps has no line: it gets a point. */
function isolated(chart: uPlot, seriesIndex: number): number[] {
	const values = chart.data[seriesIndex] ?? [];
	const missing = (at: number): boolean => values[at] === null || values[at] === undefined;
	return Array.from(values, (_, at) => at).filter((at) => !missing(at) && missing(at - 1) && missing(at + 1));
}

function series(stroke: string, kind: 'line' | 'bars'): uPlot.Series {
	const base: uPlot.Series = {
		stroke,
		fill: `color-mix(in srgb, ${stroke} 14%, transparent)`,
		width: 1.5,
		points: { show: true, size: 4, fill: stroke, filter: isolated },
		spanGaps: false,
	};
	const bars = uPlot.paths.bars?.({ size: [0.8, 12] });
	return kind === 'bars' && bars !== undefined ? { ...base, width: 0, fill: stroke, paths: bars, points: { show: false } } : base;
}
