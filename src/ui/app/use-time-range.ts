/** The time range of the page, read from the URL and written back to it; the browser's own history is the zoom history. */

import { useCallback, useMemo } from 'react';
import { useHistoryState } from 'wouter/use-browser-location';
import type { RangeInput } from '../data/queries.ts';
import { rangeKey, readTimeRange, resolveRange, type TimeRange, writeTimeRange, zoomOut } from './time-range.ts';
import { useUrl } from './use-url.ts';

const REFRESH_MS = 5000;

export interface TimeRangeControl {
	readonly range: TimeRange;
	readonly live: boolean;
	/** For queries. */
	readonly input: RangeInput;
	/** How many zooms lie behind this one: each is one step back in the browser's history. */
	readonly zoomDepth: number;
	readonly setRange: (range: TimeRange) => void;
	/** A stretch picked in a chart; `also` changes other keys in the same step of history. */
	readonly zoomTo: (fromMs: number, toMs: number, also?: (params: URLSearchParams) => void) => void;
	readonly widen: () => void;
	readonly undoZoom: () => void;
	readonly setLive: (live: boolean) => void;
}

export function useTimeRange(): TimeRangeControl {
	const [params, update] = useUrl();
	const state = useHistoryState<{ zoomDepth?: number } | null>();
	const zoomDepth = state?.zoomDepth ?? 0;
	const range = useMemo(() => readTimeRange(params), [params]);
	const live = range.kind === 'relative' && params.get('live') === '1';

	const write = useCallback(
		(next: TimeRange, depth: number, also?: (params: URLSearchParams) => void) =>
			update(
				(changed) => {
					also?.(changed);
					writeTimeRange(changed, next);
					if (next.kind === 'absolute') changed.delete('live');
				},
				{ state: { zoomDepth: depth } },
			),
		[update],
	);
	const key = rangeKey(range);
	const input = useMemo<RangeInput>(
		() => ({ key, resolve: () => resolveRange(range, Date.now()), refreshMs: live ? REFRESH_MS : false }),
		[key, range, live],
	);
	return {
		range,
		live,
		input,
		zoomDepth,
		setRange: (next) => write(next, 0),
		zoomTo: (fromMs, toMs, also) => write({ kind: 'absolute', fromMs: Math.floor(fromMs), toMs: Math.ceil(toMs) }, zoomDepth + 1, also),
		widen: () => write(zoomOut(range), zoomDepth + 1),
		undoZoom: () => history.back(),
		setLive: (next) =>
			update(
				(changed) => {
					if (next) changed.set('live', '1');
					else changed.delete('live');
				},
				{ replace: true, state },
			),
	};
}
