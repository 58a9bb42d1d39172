/** The pairs of tables behind the views `spans`, `logs` and `metric_points`. */

import { TABLES, type TableSpec } from '../../model/schema.ts';

export interface TierTables {
	/** What readers call it; also its name in `tier_state`. */
	readonly view: string;
	readonly live: string;
	readonly kept: string;
	/** Its columns, as they stand in SQL. */
	readonly columns: string;
}

export const TIERS: readonly TierTables[] = TABLES.map(tierOf);

export function tierOf({ table, columns }: TableSpec): TierTables {
	const view = table.replace(/_live$/, '');
	return { view, live: table, kept: `${view}_kept`, columns: columns.map(({ name }) => name).join(', ') };
}
