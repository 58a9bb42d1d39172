/** Sorting of a page's main table, kept in the URL as `sort=column` or `sort=-column` (largest first). */

import type { SortState } from '../widgets/table-sort.ts';
import { useUrl } from './use-url.ts';

export function useTableSort(fallback: SortState): [SortState, (sort: SortState) => void] {
	const [params, update] = useUrl();
	const text = params.get('sort') ?? '';
	const sort = text === '' ? fallback : text.startsWith('-') ? { by: text.slice(1), descending: true } : { by: text, descending: false };
	const setSort = (next: SortState): void =>
		update(
			(changed) => {
				if (next.by === fallback.by && next.descending === fallback.descending) changed.delete('sort');
				else changed.set('sort', `${next.descending ? '-' : ''}${next.by}`);
			},
			{ replace: true },
		);
	return [sort, setSort];
}
