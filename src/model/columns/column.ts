/** The kinds of column there are, and which kind holds which type. */

import type { ColumnType } from '../schema.ts';
import type { Dictionary } from './dictionary.ts';
import { FIXED_WIDTH, FixedColumn, type FixedType } from './fixed.ts';
import { LowCardinalityColumn } from './low-cardinality.ts';
import { ArrayColumn, MapColumn } from './nested.ts';
import { StringColumn } from './string.ts';

export type Column = FixedColumn | StringColumn | LowCardinalityColumn | MapColumn | ArrayColumn;

/** One value, read late: what `get(row)` of a column gives. */
export type ColumnValue = number | bigint | string | Uint8Array | ReadonlyMap<string, string> | readonly ColumnValue[];

export function createColumn(type: ColumnType): Column {
	if (type.startsWith('Array(')) return new ArrayColumn(createColumn(type.slice('Array('.length, -1) as ColumnType));
	if (isFixedType(type)) return new FixedColumn(type);
	switch (type) {
		case 'String':
			return new StringColumn();
		case 'LowCardinality(String)':
			return new LowCardinalityColumn();
		case 'Map(LowCardinality(String), String)':
			return new MapColumn();
		default:
			throw new Error(`no column holds the type ${type}`);
	}
}

/** Whether there is a column for the type named. */
export function isColumnType(type: string): type is ColumnType {
	if (type.startsWith('Array(') && type.endsWith(')')) return isScalarType(type.slice('Array('.length, -1));
	return isScalarType(type);
}

function isScalarType(type: string): boolean {
	return isFixedType(type) || type === 'String' || type === 'LowCardinality(String)' || type === 'Map(LowCardinality(String), String)';
}

export function isFixedType(type: string): type is FixedType {
	return Object.hasOwn(FIXED_WIDTH, type);
}

/** The dictionaries inside a column, in a fixed order. */
export function dictionariesOf(column: Column): readonly Dictionary[] {
	switch (column.kind) {
		case 'low-cardinality':
			return [column.dictionary];
		case 'map':
			return [column.keys.dictionary];
		case 'array':
			return dictionariesOf(column.items);
		case 'fixed':
		case 'string':
			return [];
	}
}
