/**
 * Brings a database to the schema of `migrations/`: files in the order of their names, each once, recorded in `schema_migrations`.
 *
 * A migration is a SQL file whose statements end with `;` at the end of a line and are safe to repeat (`IF NOT EXISTS`), because a
 * process may die between a statement and the record. Migrations only add: an older program goes on working on a newer schema. A file
 * that is released is never changed; its checksum is kept to notice.
 */

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { Failure } from '../../base/errors.ts';
import type { Store } from '../client.ts';

export interface Migration {
	/** File name without extension, e.g. `0001_live_tier`. */
	readonly id: string;
	readonly checksum: string;
	readonly statements: readonly string[];
}

export interface MigrationReport {
	/** What was run, or in a dry run would be. */
	readonly applied: readonly Migration[];
	/** Recorded in the database and unknown to this program: a newer version ran here. */
	readonly unknown: readonly string[];
}

const FOLDER = new URL('./migrations/', import.meta.url);

const RECORDS = `CREATE TABLE IF NOT EXISTS schema_migrations (
	id String,
	checksum String,
	applied_at DateTime64(3)
)
ENGINE = MergeTree
ORDER BY id`;

/**
 * Applies what is missing, or with `dryRun` only says what that is and changes nothing. Creates the database when there is none.
 * Throws `Failure('conflict')` when an applied migration differs from the file of its name.
 */
export async function migrate(store: Store, options: { readonly dryRun?: boolean } = {}): Promise<MigrationReport> {
	const migrations = await readMigrations();
	const dryRun = options.dryRun ?? false;
	if (!dryRun) {
		await store.command('CREATE DATABASE IF NOT EXISTS {database:Identifier}', { database: store.database }, { database: '' });
		await store.command(RECORDS);
	}
	const recorded = await readRecords(store);
	const applied: Migration[] = [];
	for (const migration of migrations) {
		const checksum = recorded.get(migration.id);
		recorded.delete(migration.id);
		if (checksum === migration.checksum) continue;
		if (checksum !== undefined) throw changed(migration.id, store.database);
		if (!dryRun) await apply(store, migration);
		applied.push(migration);
	}
	return { applied, unknown: [...recorded.keys()] };
}

/** The migrations of this program, in order. */
export async function readMigrations(): Promise<Migration[]> {
	const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
	return await Promise.all(
		names.map(async (name) => {
			const text = await readFile(new URL(name, FOLDER), 'utf8');
			const statements = text
				.split(/;[ \t]*$/m)
				.map((part) => part.replace(/^\s*--.*$/gm, '').trim())
				.filter((statement) => statement !== '');
			return { id: name.replace(/\.sql$/, ''), checksum: createHash('sha256').update(statements.join(';\n')).digest('hex'), statements };
		}),
	);
}

async function apply(store: Store, migration: Migration): Promise<void> {
	for (const statement of migration.statements) await store.command(statement);
	await store.command('INSERT INTO schema_migrations (id, checksum, applied_at) SELECT {id:String}, {checksum:String}, now64(3)', {
		id: migration.id,
		checksum: migration.checksum,
	});
}

async function readRecords(store: Store): Promise<Map<string, string>> {
	const known = await store.query<{ known: number }>(
		"SELECT count() AS known FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'",
		{ database: store.database },
		{ database: '' },
	);
	if (known.rows[0]?.known === 0) return new Map();
	const records = await store.query<{ id: string; checksum: string }>('SELECT id, checksum FROM schema_migrations ORDER BY id, applied_at');
	return new Map(records.rows.map((record) => [record.id, record.checksum]));
}

function changed(id: string, database: string): Failure {
	return new Failure('conflict', `migration ${id} was applied to database ${database} in another form than this program has`, {
		hint: 'the data was written by a development version; start with a new data directory or database',
	});
}
