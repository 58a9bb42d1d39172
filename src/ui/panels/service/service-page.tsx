/** One service: rate, errors and latency over time with a shared crosshair, and its operations. */

import { IconListSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Link } from 'wouter';
import type { ServiceSummary } from '../../../api/contract.ts';
import { Page } from '../../app/page.tsx';
import { explorePath, overviewPath } from '../../app/routes.ts';
import { type TimeRangeControl, useTimeRange } from '../../app/use-time-range.ts';
import { useTitle } from '../../app/use-title.ts';
import { useSearch } from '../../app/use-url.ts';
import { operationsQuery, servicesQuery } from '../../data/queries.ts';
import { count, counted, duration, percent, rate, text } from '../../widgets/format.ts';
import { ServiceName } from '../../widgets/service-name.tsx';
import { Empty, Failed, MetaLine, Skeleton } from '../../widgets/states.tsx';
import { TimeChart } from '../../widgets/time-chart.tsx';
import { OperationsTable } from './operations-table.tsx';
import './service.css';

export function ServicePage({ service }: { service: string }) {
	useTitle(service);
	const search = useSearch();
	const time = useTimeRange();
	const services = useQuery(servicesQuery(time.input));
	const summary = services.data?.services.find((one) => one.service === service);
	return (
		<Page
			title={
				<span className="service-title">
					<Link className="quiet" href={overviewPath(search)}>
						Services
					</Link>
					<span className="quiet" aria-hidden="true">
						/
					</span>
					<ServiceName service={service} language={summary?.language ?? null} />
				</span>
			}
		>
			{services.isPending && <Skeleton rows={6} label="Loading charts" />}
			{services.data === undefined && services.isError && (
				<Failed what="the charts" error={services.error} onRetry={() => void services.refetch()} />
			)}
			{summary !== undefined && <Charts summary={summary} time={time} />}
			<Operations service={service} time={time} />
		</Page>
	);
}

function Charts({ summary, time }: { summary: ServiceSummary; time: TimeRangeControl }) {
	const { series } = summary;
	const stepSeconds = series.stepMs / 1000;
	const perSecond = useMemo(() => series.calls.map((calls) => calls / stepSeconds), [series.calls, stepSeconds]);
	const ratio = useMemo(() => series.errors.map((errors, at) => (series.calls[at] === 0 ? 0 : errors / (series.calls[at] ?? 1))), [series]);
	const p95Ns = useMemo(() => series.p95Ms.map((value) => (value === null ? null : value * 1e6)), [series.p95Ms]);
	const place = { startMs: series.startMs, stepMs: series.stepMs, syncKey: 'service', onZoom: time.zoomTo };
	return (
		<div className="chart-row">
			<TimeChart
				{...place}
				title="Rate"
				tone="--accent"
				values={perSecond}
				format={rate}
				emptyTop={1}
				summary={`${text(rate(summary.callsPerSecond))}, ${text(count(summary.calls))} calls`}
			/>
			<TimeChart
				{...place}
				title="Errors"
				tone="--error"
				kind="bars"
				values={ratio}
				format={percent}
				emptyTop={0.01}
				summary={`${text(percent(summary.errorRatio))}, ${counted(summary.errors, 'error')}`}
			/>
			<TimeChart
				{...place}
				title="Latency p95"
				tone="--accent"
				values={p95Ns}
				format={duration}
				emptyTop={1e6}
				summary={(['p50', 'p95', 'p99'] as const)
					.map((name) => [name, summary[`${name}Ms`]] as const)
					.map(([name, ms]) => `${name} ${ms === null ? '–' : text(duration(ms * 1e6))}`)
					.join(' · ')}
			/>
		</div>
	);
}

function Operations({ service, time }: { service: string; time: TimeRangeControl }) {
	const search = useSearch();
	const { data, error, isPending, refetch } = useQuery(operationsQuery(service, time.input));
	if (isPending) return <Skeleton rows={8} label="Loading operations" />;
	if (data === undefined) return <Failed what="the operations" error={error} onRetry={() => void refetch()} />;
	if (data.operations.length === 0)
		return (
			<Empty
				title={`No calls of ${service} in this time range`}
				actions={
					<button type="button" className="button" onClick={time.widen}>
						Look at twice the time
					</button>
				}
			>
				The name may be spelled differently, or the service was silent.
			</Empty>
		);
	return (
		<>
			<div className="section-head">
				<h2>Operations</h2>
				<Link className="button" href={explorePath(search, { service })}>
					<IconListSearch size={14} aria-hidden="true" />
					All traces
				</Link>
			</div>
			<OperationsTable service={service} operations={data.operations} />
			<MetaLine meta={data.meta}>
				<span>{counted(data.operations.length, 'operation')}</span>
			</MetaLine>
		</>
	);
}
