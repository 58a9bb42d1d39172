/** Find traces: filters above, the results as dots over time and duration, and the same results as rows. */

import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { TraceSummary } from '../../../api/contract.ts';
import { Page } from '../../app/page.tsx';
import { NO_FILTER, readTraceFilter, writeTraceFilter } from '../../app/url-state.ts';
import { useTimeRange } from '../../app/use-time-range.ts';
import { useTitle } from '../../app/use-title.ts';
import { useUrl } from '../../app/use-url.ts';
import { type TraceFilter, tracesQuery } from '../../data/queries.ts';
import { counted } from '../../widgets/format.ts';
import { Empty, Failed, MetaLine, Notice, Skeleton } from '../../widgets/states.tsx';
import './explore.css';
import { FilterBar } from './filter-bar.tsx';
import { Scatter } from './scatter.tsx';
import { TracesTable } from './traces-table.tsx';

export function ExplorePage() {
	const [params, update] = useUrl();
	const filter = useMemo(() => readTraceFilter(params), [params]);
	const setFilter = (change: Partial<TraceFilter>): void =>
		update((next) => writeTraceFilter(next, { ...readTraceFilter(next), ...change }));
	useTitle(filter.service === '' ? 'Explore' : `${filter.service} traces`);
	return (
		<Page title="Explore">
			<FilterBar filter={filter} onChange={setFilter} />
			<Results filter={filter} onChange={setFilter} />
		</Page>
	);
}

function Results({ filter, onChange }: { filter: TraceFilter; onChange: (change: Partial<TraceFilter>) => void }) {
	const time = useTimeRange();
	const query = useInfiniteQuery(tracesQuery(filter, time.input));
	const { data, error, isPending, refetch } = query;
	const traces = useMemo(() => unique(data?.pages.flatMap((page) => page.traces) ?? []), [data]);
	const [active, setActive] = useState<TraceSummary>();
	if (isPending) return <Skeleton rows={16} label="Searching traces" />;
	if (data === undefined) return <Failed what="the traces" error={error} onRetry={() => void refetch()} />;
	const last = data.pages.at(-1);
	if (traces.length === 0 || last === undefined)
		return <NoTraces filter={filter} onClear={() => onChange({ ...NO_FILTER, sort: filter.sort })} onWiden={time.widen} />;
	return (
		<>
			<div className="explore-results" data-stale={query.isPlaceholderData}>
				{error !== null && <Notice>These results are older than asked for: {error.message}</Notice>}
				<Scatter
					traces={traces}
					fromMs={last.meta.fromMs}
					toMs={last.meta.toMs}
					activeId={active?.traceId}
					complete={last.nextCursor === null}
					sort={filter.sort}
					onPick={(box) =>
						time.zoomTo(box.fromMs, box.toMs, (params) =>
							writeTraceFilter(params, { ...filter, minDurationMs: box.minDurationMs, maxDurationMs: box.maxDurationMs }),
						)
					}
				/>
				<TracesTable traces={traces} sort={filter.sort} onSort={(sort) => onChange({ sort })} onActive={setActive} />
				<div className="explore-more">
					{query.hasNextPage ? (
						<button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
							{query.isFetchingNextPage ? 'Loading' : 'Load more'}
						</button>
					) : (
						<span className="quiet">These are all.</span>
					)}
				</div>
			</div>
			{/* That a page ends is said by 'so far' and 'load more'; only a cut with nothing to load is a loss. */}
			<MetaLine meta={{ ...last.meta, truncated: last.meta.truncated && last.nextCursor === null }}>
				<span>
					{counted(traces.length, 'trace')}
					{query.hasNextPage && ' so far'}, {filter.sort === 'time' ? 'newest first' : 'longest first'}
				</span>
			</MetaLine>
		</>
	);
}

/** A page fetched later may repeat a trace that moved while new ones came in. */
function unique(traces: readonly TraceSummary[]): readonly TraceSummary[] {
	return [...new Map(traces.map((trace) => [trace.traceId, trace])).values()];
}

function NoTraces({ filter, onClear, onWiden }: { filter: TraceFilter; onClear: () => void; onWiden: () => void }) {
	const filtered = JSON.stringify({ ...filter, sort: 'time' }) !== JSON.stringify(NO_FILTER);
	return (
		<Empty
			title={filtered ? 'No trace matches these filters' : 'No traces in this time range'}
			actions={
				<>
					<button type="button" className="button" onClick={onWiden}>
						Look at twice the time
					</button>
					{filtered && (
						<button type="button" className="button" onClick={onClear}>
							Clear filters
						</button>
					)}
				</>
			}
		>
			{filtered
				? 'One span of a trace must match service, operation, status and every attribute together; the duration is that of the whole trace.'
				: 'No span started in the time chosen above.'}
		</Empty>
	);
}
