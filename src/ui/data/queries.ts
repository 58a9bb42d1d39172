/** What the pages ask, as TanStack queries: keys, freshness and retries live here, nowhere else. */

import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query';
import type {
	LogsResponse,
	OperationsResponse,
	PipelineResponse,
	ServicesResponse,
	SpanDetail,
	StatusResponse,
	TraceResponse,
	TraceSearchResponse,
} from '../../api/contract.ts';
import { ApiFailure, apiUrl, getJson, PATHS } from './api.ts';

/** The instants a relative range means are taken when the request leaves, so a refresh moves with the clock. */
export interface RangeInput {
	/** Same key, same answer: the relative token or the two instants. */
	readonly key: string;
	readonly resolve: () => { fromMs: number; toMs: number };
	/** Milliseconds between refreshes while live; false stands still. */
	readonly refreshMs: number | false;
}

export interface TraceFilter {
	readonly service: string;
	readonly operation: string;
	readonly status: '' | 'ok' | 'error';
	readonly minDurationMs: number | undefined;
	readonly maxDurationMs: number | undefined;
	/** `key=value` each. */
	readonly attributes: readonly string[];
	readonly sort: 'time' | 'duration';
}

export const TRACE_PAGE_SIZE = 100;

export function createQueryClient(): QueryClient {
	return new QueryClient({
		defaultOptions: {
			queries: {
				staleTime: 5000,
				// The user's mistakes and missing things do not get better by asking again.
				retry: (failures, error) => failures < 2 && !(error instanceof ApiFailure && error.status >= 400 && error.status < 500),
				retryDelay: (failures) => 300 * 2 ** failures,
				refetchOnWindowFocus: false,
				networkMode: 'always',
			},
		},
	});
}

function between(range: RangeInput): { from: number; to: number } {
	const { fromMs, toMs } = range.resolve();
	return { from: Math.floor(fromMs), to: Math.ceil(toMs) };
}

/** Polled every two seconds until the first span is there, every ten afterwards. */
export function statusQuery() {
	return queryOptions({
		queryKey: ['status'],
		queryFn: ({ signal }) => getJson<StatusResponse>(PATHS.status, signal),
		refetchInterval: (query) => (query.state.data?.hasData === true ? 10_000 : 2000),
	});
}

/** Counters move all the time; two seconds are often enough to see it. */
export function pipelineQuery() {
	return queryOptions({
		queryKey: ['pipeline'],
		queryFn: ({ signal }) => getJson<PipelineResponse>(PATHS.pipeline, signal),
		refetchInterval: 2000,
	});
}

export function servicesQuery(range: RangeInput) {
	return queryOptions({
		queryKey: ['services', range.key],
		queryFn: ({ signal }) => getJson<ServicesResponse>(apiUrl(PATHS.services, {}, between(range)), signal),
		placeholderData: keepPreviousData,
		refetchInterval: range.refreshMs,
	});
}

export function operationsQuery(service: string, range: RangeInput) {
	return queryOptions({
		queryKey: ['operations', service, range.key],
		queryFn: ({ signal }) => getJson<OperationsResponse>(apiUrl(PATHS.operations, { service }, between(range)), signal),
		enabled: service !== '',
		placeholderData: (previous) => (previous?.service === service ? previous : undefined),
		refetchInterval: range.refreshMs,
	});
}

export function tracesQuery(filter: TraceFilter, range: RangeInput) {
	return infiniteQueryOptions({
		queryKey: ['traces', filter, range.key],
		queryFn: ({ signal, pageParam }) => {
			const { attributes, ...rest } = filter;
			const query = { ...between(range), ...rest, attribute: attributes, limit: TRACE_PAGE_SIZE, cursor: pageParam };
			return getJson<TraceSearchResponse>(apiUrl(PATHS.traces, {}, query), signal);
		},
		initialPageParam: undefined as string | undefined,
		getNextPageParam: (page) => page.nextCursor ?? undefined,
		placeholderData: keepPreviousData,
		refetchInterval: range.refreshMs,
	});
}

/** A stored trace seldom changes; it is kept a minute so that back and forward are instant. */
export function traceQuery(traceId: string) {
	return queryOptions({
		queryKey: ['trace', traceId],
		queryFn: ({ signal }) => getJson<TraceResponse>(apiUrl(PATHS.trace, { traceId }), signal),
		staleTime: 60_000,
		// Comparing 20 000 spans by structure costs more than drawing them.
		structuralSharing: false,
	});
}

export function spanQuery(traceId: string, spanId: string) {
	return queryOptions({
		queryKey: ['span', traceId, spanId],
		queryFn: ({ signal }) => getJson<SpanDetail>(apiUrl(PATHS.span, { traceId, spanId }), signal),
		staleTime: 300_000,
		enabled: spanId !== '',
	});
}

export function traceLogsQuery(traceId: string) {
	return queryOptions({
		queryKey: ['trace-logs', traceId],
		queryFn: ({ signal }) => getJson<LogsResponse>(apiUrl(PATHS.traceLogs, { traceId }), signal),
		staleTime: 60_000,
		structuralSharing: false,
	});
}
