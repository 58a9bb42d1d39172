/** One trace: fetched whole as columns, laid out once, then everything happens here without asking again, except the details of a span. */

import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Link } from 'wouter';
import { parseTraceId } from '../../base/ids.ts';
import { Page } from '../app/page.tsx';
import { explorePath } from '../app/routes.ts';
import { useTitle } from '../app/use-title.ts';
import { useSearch } from '../app/use-url.ts';
import { ApiFailure } from '../data/api.ts';
import { traceQuery } from '../data/queries.ts';
import { shortId } from '../widgets/format.ts';
import { Empty, Failed, Skeleton } from '../widgets/states.tsx';
import { buildTrace } from './model.ts';
import './trace.css';
import { TraceView } from './trace-view.tsx';

export function TracePage({ traceId }: { traceId: string }) {
	const id = parseTraceId(traceId);
	useTitle(`Trace ${shortId(traceId)}`);
	return (
		<Page title={<TraceTitle traceId={traceId} />} withTime={false} fixed>
			{id === undefined ? (
				<Empty title="This is not a trace id">
					A trace id is up to 32 hexadecimal digits and not zero: <span className="code">{traceId}</span>
				</Empty>
			) : (
				<LoadedTrace traceId={id} />
			)}
		</Page>
	);
}

function TraceTitle({ traceId }: { traceId: string }) {
	const search = useSearch();
	return (
		<span className="trace-title">
			<Link className="quiet" href={explorePath(search)}>
				Traces
			</Link>
			<span className="quiet" aria-hidden="true">
				/
			</span>
			<span className="code">{shortId(traceId)}</span>
		</span>
	);
}

function LoadedTrace({ traceId }: { traceId: string }) {
	const { data, error, isPending, refetch } = useQuery(traceQuery(traceId));
	const model = useMemo(() => (data === undefined || data.spanCount === 0 ? undefined : buildTrace(data)), [data]);
	if (isPending) return <Skeleton rows={24} label="Loading the trace" />;
	if ((error instanceof ApiFailure && error.code === 'not_found') || (data !== undefined && model === undefined))
		return (
			<Empty
				title="This trace is not here"
				actions={
					<button type="button" className="button" onClick={() => void refetch()}>
						Look again
					</button>
				}
			>
				No span with the id <span className="code">{traceId}</span> is stored. It may still be on its way, may never have been sent or
				sampled, or its time to be kept is over.
			</Empty>
		);
	if (model === undefined) return <Failed what="the trace" error={error} onRetry={() => void refetch()} />;
	return <TraceView key={traceId} model={model} onReload={() => void refetch()} />;
}
