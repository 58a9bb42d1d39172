/**
 * From a ClickHouse HTTP request to the SQL the embedded library runs.
 *
 * The library takes one string and no settings, parameters or database beside it, and runs each statement on a session of its own.
 * So a request becomes `USE database; SET name = 'value', …; statement`: a query parameter `{x:Type}` is the setting `param_x`, whose
 * text the engine itself parses as that type. Values stand in string literals with every special character escaped; names are checked.
 */

import { Failure } from '../../base/errors.ts';

export interface Statement {
	readonly query: string;
	readonly database: string;
	/** Settings and `param_*` values, as text. */
	readonly settings: ReadonlyMap<string, string>;
	readonly format: string;
	readonly queryId: string;
}

/** URL parameters of the HTTP interface that are no settings; `user` and `password` are read by the facade. */
const PROTOCOL_PARAMETERS = new Set([
	'query',
	'database',
	'default_format',
	'query_id',
	'user',
	'password',
	'role',
	'session_id',
	'session_timeout',
	'session_check',
	'quota_key',
	'stacktrace',
	'compress',
	'decompress',
	'buffer_size',
	'wait_end_of_query',
	'close_session',
]);

const NAME = /^[A-Za-z_][A-Za-z0-9_.]*$/;

/** Reads the URL's parameters. Throws `Failure('invalid_argument')` for a name that cannot be a setting. */
export function readStatement(url: URLSearchParams, query: string, extra: Iterable<readonly [string, string]> = []): Statement {
	const settings = new Map<string, string>();
	for (const [name, value] of [...url, ...extra]) {
		if (PROTOCOL_PARAMETERS.has(name)) continue;
		if (!NAME.test(name)) throw new Failure('invalid_argument', `${JSON.stringify(name)} is no name of a setting`);
		settings.set(name, value);
	}
	return {
		query,
		database: url.get('database') ?? '',
		settings,
		format: url.get('default_format') ?? 'TabSeparated',
		queryId: url.get('query_id') ?? '',
	};
}

/** The text to run: database, then `defaults`, then the request's own settings (which win), then the statement. */
export function sqlText(statement: Statement, defaults: ReadonlyMap<string, string>): string {
	const settings = new Map([...defaults, ...statement.settings]);
	const assignments = [...settings].map(([name, value]) => `${name} = ${quote(value)}`);
	const use = statement.database === '' ? '' : `USE ${quoteName(statement.database)}; `;
	const set = assignments.length === 0 ? '' : `SET ${assignments.join(', ')}; `;
	return `${use}${set}${statement.query}`;
}

export interface InsertHead {
	/** Table as written, e.g. `db.table`, or the function `null`, which reads data and forgets it. */
	readonly table: string;
	/** The column list as written, without parentheses; '' when there is none. */
	readonly columns: string;
	readonly format: string;
}

const INSERT =
	/^\s*INSERT\s+INTO\s+(?:TABLE\s+)?(FUNCTION\s+null\('[^'\\]*'\)|(?:`[^`]+`|"[^"]+"|[A-Za-z0-9_]+)(?:\.(?:`[^`]+`|"[^"]+"|[A-Za-z0-9_]+))?)\s*(?:\(([^()]*)\)\s*)?FORMAT\s+([A-Za-z0-9]+)\s*;?\s*$/i;

/** Recognises `INSERT INTO table [(columns)] FORMAT Name`, and `FUNCTION null('structure')` as the table, whose data is the request's body. */
export function readInsert(query: string): InsertHead | undefined {
	const match = INSERT.exec(query);
	if (match === null) return undefined;
	return { table: match[1] as string, columns: (match[2] ?? '').trim(), format: match[3] as string };
}

/**
 * The statement that loads a file in place of the body. `structure` gives the columns where the format does not carry their types.
 * Columns are taken from the file by name, as the server does for an INSERT … FORMAT.
 */
export function insertFromFile(insert: InsertHead, path: string, structure: string): string {
	const source =
		structure === '' ? `file(${quote(path)}, ${insert.format})` : `file(${quote(path)}, ${insert.format}, ${quote(structure)})`;
	if (insert.columns === '') return `INSERT INTO ${insert.table} SELECT * FROM ${source}`;
	return `INSERT INTO ${insert.table} (${insert.columns}) SELECT ${insert.columns} FROM ${source}`;
}

/** Statements that change nothing may be stopped at any moment when nobody waits for them any more. */
export function isReadOnly(query: string): boolean {
	return /^[\s(]*(?:SELECT|WITH|SHOW|DESCRIBE|DESC|EXPLAIN|EXISTS)\b/i.test(stripComments(query));
}

function stripComments(query: string): string {
	return query.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '');
}

const ESCAPES: Readonly<Record<string, string>> = {
	'\\': '\\\\',
	"'": "\\'",
	'\0': '\\0',
	'\b': '\\b',
	'\f': '\\f',
	'\n': '\\n',
	'\r': '\\r',
	'\t': '\\t',
};

/** A string literal of ClickHouse SQL. */
export function quote(text: string): string {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters a literal must escape
	return `'${text.replace(/[\\'\0\b\f\n\r\t]/g, (char) => ESCAPES[char] as string)}'`;
}

/** A quoted identifier of ClickHouse SQL. */
export function quoteName(name: string): string {
	return `\`${name.replace(/[\\`]/g, (char) => `\\${char}`)}\``;
}

/** The name inside a quoted identifier; names without quotes are as they are. */
export function unquoteName(name: string): string {
	return /^[`"]/.test(name) ? name.slice(1, -1).replace(/\\(.)/g, '$1') : name;
}
