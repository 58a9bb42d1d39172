/** The operations of a service; a row opens the traces in which it ran. */

import { useMemo } from 'react';
import type { OperationSummary } from '../../../api/contract.ts';
import { explorePath } from '../../app/routes.ts';
import { useTableSort } from '../../app/use-table-sort.ts';
import { useSearch } from '../../app/use-url.ts';
import { DataTable, type TableColumn } from '../../widgets/data-table.tsx';
import { ErrorRatio, Latency, Rate } from '../../widgets/red.tsx';

const COLUMNS: readonly TableColumn<OperationSummary>[] = [
	{
		id: 'operation',
		header: 'Operation',
		track: 'minmax(160px, 1fr)',
		card: 'title',
		value: (row) => row.operation,
		cell: (row) => (
			<span className="ellipsis" title={row.operation}>
				{row.operation}
			</span>
		),
	},
	{ id: 'kind', header: 'Kind', track: '96px', value: (row) => row.kind, cell: (row) => <span className="quiet">{row.kind}</span> },
	{
		id: 'rate',
		header: 'Rate',
		hint: 'Calls per second',
		track: '96px',
		align: 'right',
		value: (row) => row.callsPerSecond,
		cell: (row) => <Rate perSecond={row.callsPerSecond} calls={row.calls} />,
	},
	{
		id: 'errors',
		header: 'Errors',
		hint: 'Share of calls with status error',
		track: '96px',
		align: 'right',
		value: (row) => row.errorRatio,
		cell: (row) => <ErrorRatio ratio={row.errorRatio} errors={row.errors} />,
	},
	...(['p50', 'p95', 'p99'] as const).map(
		(quantile): TableColumn<OperationSummary> => ({
			id: quantile,
			header: quantile,
			hint: `${quantile.slice(1)} % of calls were faster`,
			track: '96px',
			align: 'right',
			value: (row) => row[`${quantile}Ms`],
			cell: (row) => <Latency ms={row[`${quantile}Ms`]} />,
		}),
	),
];

export function OperationsTable({ service, operations }: { service: string; operations: readonly OperationSummary[] }) {
	const search = useSearch();
	const [sort, setSort] = useTableSort({ by: 'rate', descending: true });
	const href = useMemo(() => (row: OperationSummary) => explorePath(search, { service, operation: row.operation }), [search, service]);
	return (
		<DataTable
			label={`Operations of ${service}`}
			columns={COLUMNS}
			rows={operations}
			rowKey={(row) => `${row.kind} ${row.operation}`}
			rowHref={href}
			rowLabel={(row) => `Traces of ${row.operation}`}
			sort={sort}
			onSort={setSort}
			cardPx={84}
		/>
	);
}
