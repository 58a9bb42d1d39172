/** A series as an 80 by 20 line beside a number. The scale is given, so that rows of a column can be compared. */

import { memo } from 'react';

export interface SparklineProps {
	readonly values: readonly (number | null)[];
	/** Value at the top; rows of one column share it. */
	readonly max: number;
	readonly tone?: 'accent' | 'error';
	readonly label: string;
	readonly width?: number;
}

const HEIGHT = 20;
/** Keeps the line inside at its extremes. */
const INSET = 1.5;

export const Sparkline = memo(function Sparkline({ values, max, tone = 'accent', label, width = 80 }: SparklineProps) {
	const line = sparklinePath(values, max, width);
	const flat = values.every((value) => value === 0 || value === null);
	return (
		<svg
			className="sparkline"
			width={width}
			height={HEIGHT}
			viewBox={`0 0 ${width} ${HEIGHT}`}
			role="img"
			aria-label={label}
			data-tone={flat ? 'flat' : tone}
		>
			{!flat && <path className="sparkline__area" d={areaOf(line, values, width)} />}
			<path className="sparkline__line" d={line} />
		</svg>
	);
});

/** SVG path; null leaves a gap. */
function sparklinePath(values: readonly (number | null)[], max: number, width: number): string {
	const step = values.length > 1 ? width / (values.length - 1) : 0;
	const top = max > 0 ? max : 1;
	let path = '';
	let drawing = false;
	values.forEach((value, index) => {
		if (value === null) {
			drawing = false;
			return;
		}
		const y = HEIGHT - INSET - (Math.min(value, top) / top) * (HEIGHT - 2 * INSET);
		// A value between two gaps is a dash: a line through one point would not be seen.
		const alone = (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
		path += `${drawing ? 'L' : 'M'}${(index * step).toFixed(1)} ${y.toFixed(1)}${alone ? 'm-1.5 0h3' : ''}`;
		drawing = true;
	});
	return path;
}

function areaOf(line: string, values: readonly (number | null)[], width: number): string {
	return values.includes(null) || line === '' ? '' : `${line}L${width} ${HEIGHT}L0 ${HEIGHT}Z`;
}
