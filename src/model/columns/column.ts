/** The kinds of column there are, and which kind holds which type. */

import type { ColumnType, ScalarType } from '../schema.ts';
import type { Dictionary } from './dictionary.ts';
import { FIXED_WIDTH, FixedColumn, type FixedType } from './fixed.ts';
import { LowCardinalityColumn } from './low-cardinality.ts';
import { ArrayColumn, MapColumn, type ScalarColumn, type ScalarValue } from './nested.ts';
import { StringColumn } from './string.ts';

export type Column = ScalarColumn | ArrayColumn;

/** One value, read late: what `get(row)` of a column gives. */
export type ColumnValue = ScalarValue | readonly ScalarValue[];

export function createColumn(type: ColumnType): Column {
	if (type.startsWith('Array(')) return new ArrayColumn(createScalarColumn(type.slice('Array('.length, -1) as ScalarType));
	return createScalarColumn(type as ScalarType);
}

function createScalarColumn(type: ScalarType): ScalarColumn {
	if (isFixedType(type)) return new FixedColumn(type);
	switch (type) {
		case 'String':
			return new StringColumn();
		case 'LowCardinality(String)':
			return new LowCardinalityColumn();
		case 'Map(LowCardinality(String), String)':
			return new MapColumn();
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
