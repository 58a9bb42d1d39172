/** Search results as rows: when, what, how long, how big, what failed, who took part. */

import { IconAlertCircle } from '@tabler/icons-react';
import { useMemo } from 'react';
import type { TraceSummary } from '../../../api/contract.ts';
import { tracePath } from '../../app/routes.ts';
import { useNow } from '../../app/use-now.ts';
import { useSearch } from '../../app/use-url.ts';
import { DataTable, type TableColumn } from '../../widgets/data-table.tsx';
import { count, dateTimeNs, duration, exactDuration, grouped, msOfNs, relativeTime, text } from '../../widgets/format.ts';
import { QuantityText } from '../../widgets/quantity.tsx';
import { ServiceSwatch } from '../../widgets/service-name.tsx';
import { fullBarNs } from './duration-bar.ts';
import './traces-table.css';

/** Pills shown before '+3'. */
const PILLS_MAX = 4;

export interface TracesTableProps {
	readonly traces: readonly TraceSummary[];
	/** Absent: newest first, and no choice. */
	readonly sort?: 'time' | 'duration';
	readonly onSort?: (sort: 'time' | 'duration') => void;
	readonly onActive?: (trace: TraceSummary | undefined) => void;
}

export function TracesTable({ traces, sort, onSort, onActive }: TracesTableProps) {
	const search = useSearch();
	const nowMs = useNow(10_000);
	const sortable = onSort !== undefined;
	const columns = useMemo(() => columnsOf(traces, nowMs, sortable), [traces, nowMs, sortable]);
	return (
		<DataTable
			label="Traces"
			columns={columns}
			rows={traces}
			rowKey={(row) => row.traceId}
			rowHref={(row) => tracePath(row.traceId, search)}
			rowLabel={(row) => `Trace ${row.rootService} ${row.rootName}`}
			// The server sorts, newest or longest first; turning it round would need the other end of the results.
			serverSorted
			sort={{ by: sort ?? 'time', descending: true }}
			onSort={({ by }) => onSort?.(by === 'duration' ? 'duration' : 'time')}
			{...(onActive === undefined ? {} : { onActive })}
			cardPx={96}
		/>
	);
}

function columnsOf(traces: readonly TraceSummary[], nowMs: number, sortable: boolean): readonly TableColumn<TraceSummary>[] {
	const full = fullBarNs(traces.map((trace) => trace.durationNs));
	return [
		{
			id: 'root',
			header: 'Root operation',
			track: 'minmax(200px, 2fr)',
			card: 'title',
			cell: (row) => <Root trace={row} />,
		},
		{
			id: 'time',
			header: 'Started',
			hint: 'Newest first',
			track: '88px',
			align: 'right',
			...(sortable ? { value: (row: TraceSummary) => msOfNs(row.startNs) } : {}),
			cell: (row) => (
				<time className="quiet" dateTime={new Date(msOfNs(row.startNs)).toISOString()} title={dateTimeNs(row.startNs)}>
					{relativeTime(msOfNs(row.startNs), nowMs)}
				</time>
			),
		},
		{
			id: 'duration',
			header: 'Duration',
			hint: 'Longest first',
			track: '184px',
			align: 'right',
			...(sortable ? { value: (row: TraceSummary) => row.durationNs } : {}),
			cell: (row) => (
				<>
					<span className="duration-bar" data-beyond={row.durationNs > full} aria-hidden="true">
						<span style={{ width: `${Math.min(Math.max(2, (row.durationNs / full) * 100), 100)}%` }} />
					</span>
					<span className="explore-number">
						<QuantityText quantity={duration(row.durationNs)} exact={exactDuration(row.durationNs)} />
					</span>
				</>
			),
		},
		{
			id: 'spans',
			header: 'Spans',
			track: '64px',
			align: 'right',
			cell: (row) => <QuantityText quantity={count(row.spanCount)} exact={`${grouped(row.spanCount)} spans`} />,
		},
		{ id: 'errors', header: 'Errors', track: '64px', align: 'right', cell: (row) => <Errors count={row.errorCount} /> },
		{ id: 'services', header: 'Services', track: 'minmax(160px, 3.2fr)', card: 'wide', cell: (row) => <Pills trace={row} /> },
	];
}

function Root({ trace }: { trace: TraceSummary }) {
	return (
		<span className="explore-root">
			<ServiceSwatch service={trace.rootService} />
			<span className="ellipsis" title={`${trace.rootService}: ${trace.rootName}`}>
				<span className="quiet">{trace.rootService}</span> {trace.rootName}
			</span>
			{trace.rootMissing && (
				<span className="tag" title="The root span has not arrived; this is the earliest span">
					root missing
				</span>
			)}
		</span>
	);
}

function Errors({ count: errors }: { count: number }) {
	if (errors === 0) return <span className="quiet">0</span>;
	return (
		<span className="error-ratio" title={`${grouped(errors)} spans with status error`}>
			<IconAlertCircle size={13} aria-label="errors" />
			{text(count(errors))}
		</span>
	);
}

function Pills({ trace }: { trace: TraceSummary }) {
	const shown = trace.services.length > PILLS_MAX + 1 ? trace.services.slice(0, PILLS_MAX) : trace.services;
	const rest = trace.services.slice(shown.length);
	return (
		<span className="pills">
			{shown.map(({ service, spanCount, errorCount }) => (
				<span
					key={service}
					className="service-pill"
					title={`${service}: ${grouped(spanCount)} spans${errorCount > 0 ? `, ${grouped(errorCount)} with errors` : ''}`}
				>
					<ServiceSwatch service={service} />
					<span className="ellipsis">{service}</span>
					<span className="quiet">{text(count(spanCount))}</span>
					{errorCount > 0 && <IconAlertCircle className="service-pill__error" size={12} aria-label={`${errorCount} errors`} />}
				</span>
			))}
			{rest.length > 0 && (
				<span className="quiet" title={rest.map(({ service }) => service).join(', ')}>
					+{rest.length}
				</span>
			)}
		</span>
	);
}
