/** Reading and writing the search part of the address. The path is taken as the browser has it, so names with % or ? in them survive. */

import { useCallback, useMemo } from 'react';
import { useLocation } from 'wouter';
import { useLocationProperty } from 'wouter/use-browser-location';
import { withSearch } from './routes.ts';

export interface UrlWrite {
	/** Replaces the current history entry instead of adding one. */
	readonly replace?: boolean;
	readonly state?: unknown;
}

/** As the browser has it: wouter's own hook decodes it once, and parsing decodes again, which breaks a value like `%41`. */
export function useSearch(): string {
	return useLocationProperty(() => location.search);
}

/** The current parameters, and a writer that gets a copy of them to change. */
export function useUrl(): [URLSearchParams, (change: (params: URLSearchParams) => void, write?: UrlWrite) => void] {
	const search = useSearch();
	const [, navigate] = useLocation();
	const params = useMemo(() => new URLSearchParams(search), [search]);
	const update = useCallback(
		(change: (params: URLSearchParams) => void, write: UrlWrite = {}) => {
			const next = new URLSearchParams(location.search);
			change(next);
			navigate(withSearch(location.pathname, next), write);
		},
		[navigate],
	);
	return [params, update];
}
