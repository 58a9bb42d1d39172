/**
 * Strings of the kept tables with their lengths before them, in one stream. ClickHouse 26 writes lengths into a stream of their own, which
 * is quicker to count but packs worse: 2.3 bytes of a span's 77. Part of a table's settings and of no migration, because servers that
 * know one stream only do not know the setting either.
 */

import { TABLES } from '../../model/schema.ts';
import type { Store } from '../client.ts';

/** Has new parts of the kept tables written so, where the database has the choice. Old parts are read as they are. */
export async function useOneStringStream(store: Store): Promise<void> {
	const { rows } = await store.query<{ table: string }>(
		`SELECT name AS table FROM system.tables
WHERE database = {database:String} AND name IN {tables:Array(String)} AND position(engine_full, 'string_serialization_version') = 0
	AND 'string_serialization_version' IN (SELECT name FROM system.merge_tree_settings)`,
		{ database: store.database, tables: TABLES.map(({ table }) => table.replace(/_live$/, '_kept')) },
	);
	for (const { table } of rows) await store.command(`ALTER TABLE ${table} MODIFY SETTING string_serialization_version = 'single_stream'`);
}
