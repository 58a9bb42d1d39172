/**
 * The one table: sticky header, sorting by any column, keyboard up/down/enter, rows that are real links, virtualised past 200 rows,
 * columns the user may hide, and cards on a narrow screen. It scrolls with the page (`.page`), so there is one scrollbar.
 */

import { useMediaQuery } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { type Column, type SortState, sortRows, toggleSort } from './table-sort.ts';
import './data-table.css';

const VIRTUAL_FROM = 200;
const ROW_PX = 28;

export interface TableColumn<Row> extends Column<Row> {
	readonly header: string;
	/** Said on hover of the header: unit, definition. */
	readonly hint?: string;
	/** CSS grid track: '1fr', '96px', 'minmax(120px, 2fr)'. */
	readonly track: string;
	readonly align?: 'right';
	readonly cell: (row: Row) => ReactNode;
	/** Where it stands in a card: at the top, as a labelled value (default) or one of half the width, or alone on a line. */
	readonly card?: 'title' | 'value' | 'half' | 'wide' | 'none';
	/** May be hidden by the user. */
	readonly optional?: boolean;
}

export interface DataTableProps<Row> {
	readonly label: string;
	readonly columns: readonly TableColumn<Row>[];
	readonly rows: readonly Row[];
	readonly rowKey: (row: Row) => string;
	/** Where a row leads; its link covers the row, so every way of opening links works. */
	readonly rowHref: (row: Row) => string;
	readonly rowLabel: (row: Row) => string;
	readonly sort: SortState;
	readonly onSort: (sort: SortState) => void;
	/** When the server sorts, rows are shown as they come and only these columns offer sorting. */
	readonly serverSorted?: boolean;
	readonly hiddenColumns?: ReadonlySet<string>;
	/** Height of a card in pixels on a narrow screen. */
	readonly cardPx: number;
	readonly onActive?: (row: Row | undefined) => void;
}

export function DataTable<Row>(props: DataTableProps<Row>) {
	const { label, rows, sort, rowKey } = props;
	const columns = props.columns.filter((column) => props.hiddenColumns?.has(column.id) !== true);
	const narrow = useMediaQuery('(max-width: 640px)', undefined, { getInitialValueInEffect: false });
	const sorted = props.serverSorted === true ? rows : sortRows(rows, columns, sort);
	const id = useId();
	const table = useRef<HTMLDivElement>(null);
	const [active, setActive] = useState(-1);
	const [, navigate] = useLocation();
	const virtual = useRows(table, sorted.length, narrow ? props.cardPx : ROW_PX);

	const activate = (index: number): void => {
		const next = Math.min(Math.max(index, 0), sorted.length - 1);
		setActive(next);
		virtual.show(next);
		props.onActive?.(sorted[next]);
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
		const row = sorted[active];
		if (event.key === 'ArrowDown' || event.key === 'j') activate(active + 1);
		else if (event.key === 'ArrowUp' || event.key === 'k') activate(active < 0 ? sorted.length - 1 : active - 1);
		else if (event.key === 'PageDown') activate(active + 20);
		else if (event.key === 'PageUp') activate(active - 20);
		else if (event.key === 'Home') activate(0);
		else if (event.key === 'End') activate(sorted.length - 1);
		else if (event.key === 'Enter' && row !== undefined) navigate(props.rowHref(row));
		else return;
		event.preventDefault();
	};
	const template = { ['--columns' as string]: columns.map((column) => column.track).join(' ') };
	return (
		// biome-ignore lint/a11y: a grid is focusable as a whole and points at its active row.
		<div
			ref={table}
			className="table"
			data-narrow={narrow}
			style={template}
			role="grid"
			aria-label={label}
			aria-rowcount={sorted.length + 1}
			aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
			tabIndex={0}
			onKeyDown={onKeyDown}
		>
			<Header columns={columns} sort={sort} onSort={props.onSort} />
			<div className="table__body" role="rowgroup" style={{ height: virtual.heightPx }}>
				{virtual.indexes.map((index) => {
					const row = sorted[index];
					if (row === undefined) return null;
					return (
						<div
							key={rowKey(row)}
							id={`${id}-${index}`}
							className={narrow ? 'table__card' : 'table__row'}
							role="row"
							aria-rowindex={index + 2}
							data-active={index === active}
							style={
								virtual.isVirtual ? { position: 'absolute', top: virtual.topPx(index), height: narrow ? props.cardPx : ROW_PX } : undefined
							}
						>
							<Cells columns={columns} row={row} href={props.rowHref(row)} label={props.rowLabel(row)} />
						</div>
					);
				})}
			</div>
		</div>
	);
}

function Header<Row>({
	columns,
	sort,
	onSort,
}: {
	columns: readonly TableColumn<Row>[];
	sort: SortState;
	onSort: (sort: SortState) => void;
}) {
	return (
		<div className="table__header" role="row" aria-rowindex={1}>
			{columns.map((column) => {
				const sortedBy = sort.by === column.id;
				const direction = sort.descending ? 'descending' : 'ascending';
				return (
					<div
						key={column.id}
						className="table__head"
						role="columnheader"
						data-align={column.align}
						aria-sort={sortedBy ? direction : undefined}
					>
						{column.value === undefined ? (
							<span title={column.hint}>{column.header}</span>
						) : (
							<button
								type="button"
								className="table__sort"
								title={column.hint ?? `Sort by ${column.header}`}
								onClick={() => onSort(toggleSort(sort, column))}
							>
								{column.header}
								{sortedBy &&
									(sort.descending ? <IconArrowDown size={12} aria-hidden="true" /> : <IconArrowUp size={12} aria-hidden="true" />)}
							</button>
						)}
					</div>
				);
			})}
		</div>
	);
}

function Cells<Row>({ columns, row, href, label }: { columns: readonly TableColumn<Row>[]; row: Row; href: string; label: string }) {
	return (
		<>
			{columns.map((column, index) => (
				<div key={column.id} className="table__cell" role="gridcell" data-align={column.align} data-card={column.card ?? 'value'}>
					{index === 0 && <Link className="table__link" href={href} aria-label={label} tabIndex={-1} />}
					{column.card !== 'title' && <span className="table__label">{column.header}</span>}
					{column.cell(row)}
				</div>
			))}
		</>
	);
}

/** Which rows to draw: all of few, those near the view of many. */
function useRows(table: React.RefObject<HTMLDivElement | null>, count: number, rowPx: number) {
	const [scroller, setScroller] = useState<HTMLElement | null>(null);
	const [marginPx, setMarginPx] = useState(0);
	useLayoutEffect(() => {
		const page = table.current?.closest<HTMLElement>('.page') ?? null;
		setScroller(page);
		const body = table.current?.querySelector('.table__body');
		if (page !== null && body) setMarginPx(body.getBoundingClientRect().top - page.getBoundingClientRect().top + page.scrollTop);
	}, [table, count]);
	const isVirtual = count > VIRTUAL_FROM;
	// oxlint-disable-next-line react/incompatible-library -- it warns of the React Compiler, which is not used here
	const virtualizer = useVirtualizer({
		count: isVirtual ? count : 0,
		getScrollElement: () => scroller,
		estimateSize: () => rowPx,
		overscan: 20,
		scrollMargin: marginPx,
	});
	useLayoutEffect(() => {
		virtualizer.measure();
	}, [virtualizer, rowPx]);
	const show = (index: number): void => {
		if (isVirtual) virtualizer.scrollToIndex(index, { align: 'auto' });
		else table.current?.querySelectorAll('.table__body > [role=row]')[index]?.scrollIntoView({ block: 'nearest' });
	};
	return {
		isVirtual,
		indexes: isVirtual ? virtualizer.getVirtualItems().map((item) => item.index) : Array.from({ length: count }, (_, index) => index),
		heightPx: isVirtual ? virtualizer.getTotalSize() : undefined,
		topPx: (index: number) => index * rowPx,
		show,
	};
}
