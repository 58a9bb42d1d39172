/** Every service at a glance: how often it is called, how often it fails, how long it takes. Without data: how to send some. */

import { useQuery } from '@tanstack/react-query';
import { Page } from '../../app/page.tsx';
import { useTimeRange } from '../../app/use-time-range.ts';
import { useTitle } from '../../app/use-title.ts';
import { servicesQuery, statusQuery } from '../../data/queries.ts';
import { counted } from '../../widgets/format.ts';
import { Empty, Failed, MetaLine, Skeleton } from '../../widgets/states.tsx';
import { FirstRun } from '../first-run/first-run.tsx';
import { LatestErrors } from './latest-errors.tsx';
import { ServicesTable } from './services-table.tsx';
import { TotalCharts } from './total-charts.tsx';

/** Offered when the range holds nothing but older data exists. */
const WIDER_MS = 7 * 86_400_000;

export function OverviewPage() {
	useTitle('Overview');
	const status = useQuery(statusQuery());
	if (status.data?.hasData === false)
		return (
			<Page title="Overview" withTime={false}>
				<FirstRun status={status.data} />
			</Page>
		);
	return (
		<Page title="Overview">
			<Services />
		</Page>
	);
}

function Services() {
	const time = useTimeRange();
	const { data, error, isPending, refetch } = useQuery(servicesQuery(time.input));
	if (isPending) return <Skeleton rows={12} label="Loading services" />;
	if (data === undefined) return <Failed what="the services" error={error} onRetry={() => void refetch()} />;
	if (data.services.length === 0)
		return (
			<Empty
				title="No calls in this time range"
				actions={
					<button type="button" className="button" onClick={() => time.setRange({ kind: 'relative', lastMs: WIDER_MS })}>
						Look at the last 7 days
					</button>
				}
			>
				Spans are stored, but none of them started in the time chosen above.
			</Empty>
		);
	return (
		<>
			{error !== null && <Failed what="newer figures" error={error} onRetry={() => void refetch()} />}
			<TotalCharts services={data.services} />
			<ServicesTable services={data.services} />
			<LatestErrors />
			<MetaLine meta={data.meta}>
				<span>{counted(data.services.length, 'service')}</span>
			</MetaLine>
		</>
	);
}
