/** The newest traces in which something failed, so that the first look at the Overview already leads to a cause. */

import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { explorePath } from '../../app/routes.ts';
import { NO_FILTER } from '../../app/url-state.ts';
import { useTimeRange } from '../../app/use-time-range.ts';
import { useSearch } from '../../app/use-url.ts';
import { tracesQuery } from '../../data/queries.ts';
import { Failed, Skeleton } from '../../widgets/states.tsx';
import { TracesTable } from '../explore/traces-table.tsx';

const SHOWN = 8;

export function LatestErrors() {
	const search = useSearch();
	const { input } = useTimeRange();
	const { data, error, isPending, refetch } = useInfiniteQuery(tracesQuery({ ...NO_FILTER, status: 'error' }, input));
	const traces = data?.pages[0]?.traces.slice(0, SHOWN) ?? [];
	return (
		<section aria-label="Latest traces with errors">
			<div className="section-head">
				<h2>Latest traces with errors</h2>
				<Link className="button" href={explorePath(search, { status: 'error' })}>
					All traces with errors
				</Link>
			</div>
			{isPending && <Skeleton rows={4} label="Loading traces with errors" />}
			{data === undefined && error !== null && <Failed what="the traces with errors" error={error} onRetry={() => void refetch()} />}
			{data !== undefined && traces.length === 0 && <p className="section-none">None in this time range.</p>}
			{traces.length > 0 && <TracesTable traces={traces} />}
		</section>
	);
}
