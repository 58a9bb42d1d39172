/** Calls and errors of all services together: did anything change, and when. A drag zooms in on it. */

import { useMemo } from 'react';
import type { ServiceSummary } from '../../../api/contract.ts';
import { useTimeRange } from '../../app/use-time-range.ts';
import { count, counted, percent, rate, text } from '../../widgets/format.ts';
import { TimeChart } from '../../widgets/time-chart.tsx';
import { totalsOf } from './totals.ts';

export function TotalCharts({ services }: { services: readonly ServiceSummary[] }) {
	const { zoomTo } = useTimeRange();
	const totals = useMemo(() => totalsOf(services), [services]);
	if (totals === undefined) return null;
	const place = { startMs: totals.startMs, stepMs: totals.stepMs, syncKey: 'overview', onZoom: zoomTo, height: 112 };
	const errorRatio = totals.calls === 0 ? 0 : totals.errors / totals.calls;
	return (
		<div className="chart-row">
			<TimeChart
				{...place}
				title="Calls, all services"
				tone="--accent"
				values={totals.rate}
				format={rate}
				emptyTop={1}
				summary={`${text(rate(totals.callsPerSecond))}, ${text(count(totals.calls))} calls`}
			/>
			<TimeChart
				{...place}
				title="Errors, all services"
				tone="--error"
				kind="bars"
				values={totals.errorRatio}
				format={percent}
				emptyTop={0.01}
				summary={`${text(percent(errorRatio))}, ${counted(totals.errors, 'error')}`}
			/>
		</div>
	);
}
