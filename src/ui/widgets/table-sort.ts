/** Sorting of table rows: numbers by size, text by the user's alphabet, missing values always last. */

export interface SortState {
	/** Column id; '' keeps the order of the rows. */
	readonly by: string;
	readonly descending: boolean;
}

export interface Column<Row> {
	readonly id: string;
	/** What the column sorts by; without it the column cannot be sorted. */
	readonly value?: (row: Row) => number | string | null;
}

/** The first click sorts numbers largest first and text from A; the second turns it round. */
export function toggleSort<Row>(sort: SortState, column: Column<Row> & { readonly align?: 'right' }): SortState {
	if (sort.by === column.id) return { by: column.id, descending: !sort.descending };
	return { by: column.id, descending: column.align === 'right' };
}

/** A sorted copy; equal rows keep their order. */
export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: SortState): readonly Row[] {
	const value = columns.find((column) => column.id === sort.by)?.value;
	if (value === undefined) return rows;
	const sign = sort.descending ? -1 : 1;
	return rows.toSorted((a, b) => {
		const left = value(a);
		const right = value(b);
		if (left === null || right === null) return Number(left === null) - Number(right === null);
		if (typeof left === 'number' && typeof right === 'number') return sign * (left - right);
		return sign * String(left).localeCompare(String(right), undefined, { numeric: true });
	});
}
