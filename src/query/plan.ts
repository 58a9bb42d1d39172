/**
 * A planned question: SQL for the engine with its values beside it. Values travel only as typed parameters (`{name:Type}`), so no
 * text a user wrote ever becomes SQL; the functions of this folder are pure and know neither engine nor clock.
 */

export type ParamValue = string | number | bigint | boolean | readonly string[];

declare const rowType: unique symbol;

export interface Plan<Row> {
	readonly sql: string;
	readonly params: Readonly<Record<string, ParamValue>>;
	/** Never set; ties the plan to the shape of its rows. */
	readonly [rowType]?: Row;
}

/** Conditions and their parameters, gathered clause by clause. */
export interface Clause {
	readonly conditions: string[];
	readonly params: Record<string, ParamValue>;
}

export function emptyClause(): Clause {
	return { conditions: [], params: {} };
}

/** `WHERE a AND b`, or '' without conditions. */
export function where(conditions: readonly string[]): string {
	return conditions.length === 0 ? '' : `WHERE ${conditions.join('\n  AND ')}`;
}

/** Nanoseconds of a millisecond instant, exact: milliseconds times 10^6 pass 2^53. */
export function nanosOfMs(ms: number): bigint {
	return BigInt(Math.round(ms)) * 1_000_000n;
}

const INT64_MAX = 2n ** 63n - 1n;

/** A number from outside as an `Int64` parameter; what does not fit is the largest. */
export function int64(value: number): bigint {
	return value >= Number(INT64_MAX) ? INT64_MAX : BigInt(Math.trunc(value));
}
