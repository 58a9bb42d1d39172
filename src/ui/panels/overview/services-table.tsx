/** The services as rows: rate, errors and latency with their course over the range. A row opens the service's traces. */

import { IconChartLine } from '@tabler/icons-react';
import { useMemo } from 'react';
import { Link } from 'wouter';
import type { ServiceSummary } from '../../../api/contract.ts';
import { explorePath, servicePath } from '../../app/routes.ts';
import { useTableSort } from '../../app/use-table-sort.ts';
import { useSearch } from '../../app/use-url.ts';
import { DataTable, type TableColumn } from '../../widgets/data-table.tsx';
import { ErrorRatio, Latency, Rate } from '../../widgets/red.tsx';
import { ServiceName } from '../../widgets/service-name.tsx';
import { Sparkline } from '../../widgets/sparkline.tsx';
import './services.css';

export function ServicesTable({ services }: { services: readonly ServiceSummary[] }) {
	const search = useSearch();
	const [sort, setSort] = useTableSort({ by: 'rate', descending: true });
	const columns = useMemo(() => columnsOf(services, search), [services, search]);
	return (
		<DataTable
			label="Services"
			columns={columns}
			rows={services}
			rowKey={(row) => row.service}
			rowHref={(row) => explorePath(search, { service: row.service })}
			rowLabel={(row) => `Traces of ${row.service}`}
			sort={sort}
			onSort={setSort}
			cardPx={88}
		/>
	);
}

function columnsOf(services: readonly ServiceSummary[], search: string): readonly TableColumn<ServiceSummary>[] {
	// One scale down each column, so that lines can be compared.
	const callsMax = Math.max(1, ...services.flatMap(({ series }) => series.calls));
	const errorsMax = Math.max(1, ...services.flatMap(({ series }) => series.errors));
	const p95Max = Math.max(1, ...services.flatMap(({ series }) => series.p95Ms.map((value) => value ?? 0)));
	return [
		{
			id: 'service',
			header: 'Service',
			track: 'minmax(180px, 2fr)',
			card: 'title',
			value: (row) => row.service,
			cell: (row) => (
				<>
					<ServiceName service={row.service} language={row.language} />
					<Link
						className="table__above services__open"
						href={servicePath(row.service, search)}
						title={`Charts and operations of ${row.service}`}
					>
						<IconChartLine size={14} aria-hidden="true" />
						<span className="hidden-visually">Details of {row.service}</span>
					</Link>
				</>
			),
		},
		{
			id: 'rate',
			header: 'Rate',
			hint: 'Entry spans (server and consumer) per second',
			track: '172px',
			align: 'right',
			card: 'half',
			value: (row) => row.callsPerSecond,
			cell: (row) => (
				<>
					<Sparkline values={row.series.calls} max={callsMax} label={`Calls of ${row.service} over time`} />
					<span className="services__number">
						<Rate perSecond={row.callsPerSecond} calls={row.calls} />
					</span>
				</>
			),
		},
		{
			id: 'errors',
			header: 'Errors',
			hint: 'Share of entry spans with status error',
			track: '172px',
			align: 'right',
			card: 'half',
			value: (row) => row.errorRatio,
			cell: (row) => (
				<>
					<Sparkline values={row.series.errors} max={errorsMax} tone="error" label={`Errors of ${row.service} over time`} />
					<span className="services__number">
						<ErrorRatio ratio={row.errorRatio} errors={row.errors} />
					</span>
				</>
			),
		},
		...(['p50', 'p95', 'p99'] as const).map(
			(quantile): TableColumn<ServiceSummary> => ({
				id: quantile,
				header: quantile,
				hint: `${quantile.slice(1)} % of calls were faster`,
				track: quantile === 'p95' ? '172px' : '80px',
				align: 'right',
				value: (row) => row[`${quantile}Ms`],
				cell: (row) => (
					<>
						{quantile === 'p95' && <Sparkline values={row.series.p95Ms} max={p95Max} label={`p95 of ${row.service} over time`} />}
						<span className={quantile === 'p95' ? 'services__number' : undefined}>
							<Latency ms={row[`${quantile}Ms`]} />
						</span>
					</>
				),
			}),
		),
	];
}
