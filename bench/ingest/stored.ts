/** What a stopped platform left in its data directory, read by an engine of our own: the count the report trusts, and the bytes on disk. */

import { join } from 'node:path';
import { Store } from '../../src/store/client.ts';
import { EmbeddedEngine } from '../../src/store/embedded/supervisor.ts';

export interface Stored {
	readonly rows: number;
	/** Different span ids. */
	readonly spans: number;
	/** Bytes on disk by table, of parts in use. */
	readonly bytes: Readonly<Record<string, number>>;
	/** Largest columns of the spans, bytes on disk. */
	readonly columns: Readonly<Record<string, number>>;
	readonly parts: number;
}

export async function readStored(dataDir: string): Promise<Stored> {
	await using engine = await EmbeddedEngine.start({ dir: join(dataDir, 'engine') });
	await using store = new Store({ target: { kind: 'embedded', engine }, database: 'throughline' });
	const options = { timeoutMs: 120_000, settings: { max_memory_usage: 0 } };
	const parts = await store.query<{ name: string; bytes: number; parts: number }>(
		"SELECT table AS name, sum(bytes_on_disk) AS bytes, count() AS parts FROM system.parts WHERE active AND database = 'throughline' GROUP BY name",
	);
	const columns = await store.query<{ name: string; bytes: number }>(
		"SELECT column AS name, sum(column_bytes_on_disk) AS bytes FROM system.parts_columns WHERE active AND database = 'throughline' AND table LIKE 'spans%' GROUP BY name ORDER BY bytes DESC LIMIT 12",
	);
	const count = await store.query<{ rows: number; spans: number }>(
		'SELECT count() AS rows, uniqExact(span_id) AS spans FROM spans',
		{},
		options,
	);
	return {
		rows: count.rows[0]?.rows ?? 0,
		spans: count.rows[0]?.spans ?? 0,
		bytes: Object.fromEntries(parts.rows.map(({ name, bytes }) => [name, bytes])),
		columns: Object.fromEntries(columns.rows.map(({ name, bytes }) => [name, bytes])),
		parts: parts.rows.reduce((sum, row) => sum + row.parts, 0),
	};
}
