/**
 * Attributes of the kept tables in buckets: as many as a row has keys on average (from four on, 32 at most). A search for one attribute
 * then reads one bucket, and values of one key lie together and pack better. Part of a table's settings and of no migration, because
 * servers before 26 do not know it and do without.
 */

import { TABLES } from '../../model/schema.ts';
import type { Store } from '../client.ts';

const SETTINGS = `map_serialization_version = 'with_buckets',
	map_serialization_version_for_zero_level_parts = 'with_buckets',
	map_buckets_strategy = 'linear',
	map_buckets_coefficient = 1,
	map_buckets_min_avg_size = 4`;

/** Has new parts of the kept tables written in buckets, if the database can. Old parts are read as they are. */
export async function useMapBuckets(store: Store): Promise<void> {
	const { rows } = await store.query<{ table: string }>(
		`SELECT name AS table FROM system.tables
WHERE database = {database:String} AND name IN {tables:Array(String)} AND position(engine_full, 'map_buckets_strategy') = 0
	AND 'map_buckets_strategy' IN (SELECT name FROM system.merge_tree_settings)`,
		{ database: store.database, tables: TABLES.map(({ table }) => table.replace(/_live$/, '_kept')) },
	);
	for (const { table } of rows) await store.command(`ALTER TABLE ${table} MODIFY SETTING ${SETTINGS}`);
}
