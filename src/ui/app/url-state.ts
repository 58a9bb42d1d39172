/** What the Explore and Trace pages keep in the URL, as pure functions both ways; unreadable parts fall back to their default. */

import type { TraceFilter } from '../data/queries.ts';
import type { TimeWindow } from '../trace/time-window.ts';

export const NO_FILTER: TraceFilter = {
	service: '',
	operation: '',
	status: '',
	minDurationMs: undefined,
	maxDurationMs: undefined,
	attributes: [],
	sort: 'time',
};

export function readTraceFilter(params: URLSearchParams): TraceFilter {
	const status = params.get('status');
	return {
		service: params.get('service') ?? '',
		operation: params.get('operation') ?? '',
		status: status === 'ok' || status === 'error' ? status : '',
		minDurationMs: positive(params.get('min')),
		maxDurationMs: positive(params.get('max')),
		attributes: [...new Set(params.getAll('attribute').filter((text) => text.indexOf('=') > 0))],
		sort: params.get('sort') === 'duration' ? 'duration' : 'time',
	};
}

/** Writes into `params` and leaves other keys alone; defaults leave no trace. */
export function writeTraceFilter(params: URLSearchParams, filter: TraceFilter): void {
	const put = (key: string, value: string): void => {
		if (value === '') params.delete(key);
		else params.set(key, value);
	};
	put('service', filter.service);
	put('operation', filter.operation);
	put('status', filter.status);
	put('min', filter.minDurationMs === undefined ? '' : String(filter.minDurationMs));
	put('max', filter.maxDurationMs === undefined ? '' : String(filter.maxDurationMs));
	put('sort', filter.sort === 'time' ? '' : filter.sort);
	params.delete('attribute');
	for (const attribute of filter.attributes) params.append('attribute', attribute);
}

export type DockTab = 'overview' | 'attributes' | 'events' | 'logs' | 'links' | 'resource' | 'raw';
export const DOCK_TABS: readonly DockTab[] = ['overview', 'attributes', 'events', 'logs', 'links', 'resource', 'raw'];

export interface TraceState {
	readonly view: 'waterfall' | 'logs';
	/** Span id, '' for none. */
	readonly span: string;
	readonly tab: DockTab;
	readonly filter: string;
	/** First eight digits of the span ids that are collapsed. */
	readonly collapsed: readonly string[];
	/** Whole trace when undefined. */
	readonly window: TimeWindow | undefined;
	readonly criticalPath: boolean;
}

/** A URL stays under 8 KiB: 400 ids of eight digits and a separator are 3.6 KB. */
export const COLLAPSED_MAX = 400;

export function readTraceState(params: URLSearchParams): TraceState {
	const tab = params.get('tab') as DockTab | null;
	const zoom = /^(\d{1,16})-(\d{1,16})$/.exec(params.get('zoom') ?? '');
	const window = zoom === null ? undefined : { from: Number(zoom[1]), to: Number(zoom[2]) };
	return {
		view: params.get('view') === 'logs' ? 'logs' : 'waterfall',
		span: /^[0-9a-f]{16}$/.test(params.get('span') ?? '') ? (params.get('span') as string) : '',
		tab: tab !== null && DOCK_TABS.includes(tab) ? tab : 'overview',
		filter: params.get('q') ?? '',
		collapsed: (params.get('closed') ?? '').split('.').filter((id) => /^[0-9a-f]{8}$/.test(id)),
		window: window !== undefined && window.to > window.from ? window : undefined,
		criticalPath: params.get('critical') !== '0',
	};
}

export function writeTraceState(params: URLSearchParams, state: TraceState): void {
	const put = (key: string, value: string): void => {
		if (value === '') params.delete(key);
		else params.set(key, value);
	};
	put('view', state.view === 'waterfall' ? '' : state.view);
	put('span', state.span);
	put('tab', state.tab === 'overview' ? '' : state.tab);
	put('q', state.filter);
	put('closed', state.collapsed.slice(0, COLLAPSED_MAX).join('.'));
	put('zoom', state.window === undefined ? '' : `${Math.max(0, Math.floor(state.window.from))}-${Math.ceil(state.window.to)}`);
	put('critical', state.criticalPath ? '' : '0');
}

/** '250', '250ms', '1.5 s', '2m' -> milliseconds; bare numbers are milliseconds. Undefined when unreadable. */
export function parseDurationMs(text: string): number | undefined {
	const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|min)?\s*$/i.exec(text);
	if (match === null) return undefined;
	const factors: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, min: 60_000 };
	return Number((Number(match[1]) * (factors[(match[2] ?? 'ms').toLowerCase()] ?? 1)).toPrecision(12));
}

function positive(text: string | null): number | undefined {
	const value = text === null || text === '' ? Number.NaN : Number(text);
	return Number.isFinite(value) && value >= 0 ? value : undefined;
}
