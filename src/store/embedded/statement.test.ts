import { describe, expect, test } from 'vitest';
import { Failure } from '../../base/errors.ts';
import { insertFromFile, isReadOnly, quote, quoteName, readInsert, readStatement, sqlText } from './statement.ts';

const parameters = (text: string) => new URLSearchParams(text);

describe('statements from HTTP requests', () => {
	test('the database, settings and parameters go before the statement, the request after the defaults', () => {
		const statement = readStatement(parameters('database=d&max_threads=2&param_x=it%27s&default_format=JSON&query_id=q'), 'SELECT 1');
		expect(
			sqlText(
				statement,
				new Map([
					['max_threads', '1'],
					['session_timezone', 'UTC'],
				]),
			),
		).toBe("USE `d`; SET max_threads = '2', session_timezone = 'UTC', param_x = 'it\\'s'; SELECT 1");
		expect([statement.format, statement.queryId]).toEqual(['JSON', 'q']);
	});

	test('a name that is no name of a setting never reaches the SQL text', () => {
		expect(() => readStatement(parameters('a%20=1%3B%20DROP'), 'SELECT 1')).toThrow(Failure);
	});

	test('literals and names escape what could end them', () => {
		expect(quote("a'b\\c\n\0")).toBe("'a\\'b\\\\c\\n\\0'");
		expect(quoteName('a`b\\c')).toBe('`a\\`b\\\\c`');
	});

	test.each([
		['INSERT INTO t FORMAT Native', { table: 't', columns: '', format: 'Native' }],
		['insert into `my db`.t (a, `b c`)\nFORMAT JSONEachRow;', { table: '`my db`.t', columns: 'a, `b c`', format: 'JSONEachRow' }],
		['INSERT INTO t VALUES (1)', undefined],
		['INSERT INTO t SELECT 1 FORMAT Native', undefined],
		['SELECT 1 FORMAT Native', undefined],
	])('%s', (query, expected) => {
		expect(readInsert(query)).toEqual(expected);
	});

	test('a body is taken from its file by the names of the columns', () => {
		const insert = { table: 't', columns: 'a, b', format: 'Native' };
		expect(insertFromFile(insert, 'incoming/1', '')).toBe("INSERT INTO t (a, b) SELECT a, b FROM file('incoming/1', Native)");
		expect(insertFromFile({ ...insert, columns: '', format: 'CSV' }, 'f', '`a` Int8')).toBe(
			"INSERT INTO t SELECT * FROM file('f', CSV, '`a` Int8')",
		);
	});

	test.each([
		['SELECT 1', true],
		['-- why\n/* how */ (WITH x AS (SELECT 1) SELECT * FROM x)', true],
		['EXPLAIN SELECT 1', true],
		['INSERT INTO t SELECT 1', false],
		['ALTER TABLE t DROP PARTITION 1', false],
	])('only statements that read are stopped when their client leaves: %s', (query, expected) => {
		expect(isReadOnly(query)).toBe(expected);
	});
});
