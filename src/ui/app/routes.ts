/** Addresses of the pages. Links are made here so that a renamed page breaks at compile time, not at three in the morning. */

/** Search keys every page keeps when it links to another: the time looked at. */
const CARRIED = ['last', 'from', 'to', 'live'] as const;

/** The part of `search` that follows the user from page to page. */
export function carriedSearch(search: string): URLSearchParams {
	const from = new URLSearchParams(search);
	const kept = new URLSearchParams();
	for (const key of CARRIED) {
		const value = from.get(key);
		if (value !== null) kept.set(key, value);
	}
	return kept;
}

export function withSearch(path: string, params: URLSearchParams): string {
	const text = params.toString();
	return text === '' ? path : `${path}?${text}`;
}

export const overviewPath = (search: string): string => withSearch('/', carriedSearch(search));

export const pipelinePath = (search: string): string => withSearch('/pipeline', carriedSearch(search));

export const servicePath = (service: string, search: string): string =>
	withSearch(`/services/${encodeURIComponent(service)}`, carriedSearch(search));

/** `filter` holds search keys of the Explore page: service, operation, status, attribute, … */
export function explorePath(search: string, filter: Readonly<Record<string, string>> = {}): string {
	const params = carriedSearch(search);
	for (const [key, value] of Object.entries(filter)) if (value !== '') params.set(key, value);
	return withSearch('/explore', params);
}

export function tracePath(traceId: string, search: string, spanId = ''): string {
	const params = carriedSearch(search);
	if (spanId !== '') params.set('span', spanId);
	return withSearch(`/trace/${traceId}`, params);
}

/** Part `index` of a pathname, decoded; what cannot be decoded is left as it is. */
export function pathPart(pathname: string, index: number): string {
	const part = pathname.split('/')[index] ?? '';
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}
