/** The scale over the bars: offsets from the start of the trace. */

import { duration, text } from '../widgets/format.ts';
import { type TimeWindow, ticks } from './time-window.ts';

export function TimeAxis({ window, width }: { window: TimeWindow; width: number }) {
	const scale = width / (window.to - window.from);
	return (
		<div className="time-axis" aria-hidden="true">
			{ticks(window, Math.max(2, Math.floor(width / 120))).map((tick) => {
				const x = (tick - window.from) * scale;
				// The last label would hang over the edge.
				return (
					<span key={tick} style={x > width - 56 ? { right: Math.max(width - x + 4, 4) } : { left: x + 4 }}>
						{text(duration(tick))}
					</span>
				);
			})}
		</div>
	);
}
