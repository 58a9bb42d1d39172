/**
 * The ClickHouse HTTP interface over the embedded library: what the official client uses of it.
 * Source: https://clickhouse.com/docs/interfaces/http
 *
 * - `GET /ping`, without credentials.
 * - `GET|POST /` with `query` in the URL, in the body, or in a multipart form; `database`, `default_format`, `query_id`, `param_*`;
 *   every other URL parameter is a setting of that one statement. Sessions, roles and compression are not spoken.
 * - `INSERT … FORMAT X` in the URL takes the body as data. The body goes to a file beside the database, never into memory, because
 *   the library cannot take binary data from a caller; the engine reads the file and it is deleted.
 * - Errors carry `X-ClickHouse-Exception-Code` and the engine's message. A read whose client leaves is killed.
 */

import { timingSafeEqual } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../../base/errors.ts';
import { diskSpace } from './disk-watch.ts';
import type { Lane, SessionPool } from './session-pool.ts';
import {
	type InsertHead,
	insertFromFile,
	isReadOnly,
	quoteName,
	readInsert,
	readStatement,
	type Statement,
	unquoteName,
} from './statement.ts';

export interface FacadeOptions {
	readonly password: string;
	/** Folder for insert bodies, relative to the working directory: the path is SQL text, where `*`, `?` and `{}` are patterns. */
	readonly incomingDir: string;
	/** Longest statement, in the URL or the body. */
	readonly queryBytesMax: number;
	/** Longest insert body. */
	readonly insertBytesMax: number;
	/** The library met a failing or full disk while it wrote. Called after the answer. */
	readonly onDiskError: (message: string) => void;
}

/** Length of the request line and headers together: a list of some thousand ids as a query parameter. */
const HEADER_BYTES_MAX = 1024 * 1024;

/** ClickHouse's numbers for what the facade itself refuses. */
const CODE = {
	tooLarge: 307,
	unsupported: 48,
	authentication: 516,
	overloaded: 202,
	cancelled: 394,
	noSpace: 243,
	file: 75,
	badArguments: 36,
	internal: 1002,
} as const;

/** Of the library: NOT_ENOUGH_SPACE, CANNOT_WRITE_TO_FILE_DESCRIPTOR, CANNOT_FSYNC, CANNOT_WRITE_TO_FILE, STD_EXCEPTION. */
const DISK_CODES: ReadonlySet<number> = new Set([243, 75, 204, 294, 1001]);

export function createFacade(pool: SessionPool, options: FacadeOptions): Server {
	let incoming = 0;
	const nextFile = () => `${options.incomingDir}/${process.pid}-${++incoming}`;
	const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
		const left = new AbortController();
		response.on('close', () => {
			if (!response.writableFinished) left.abort();
		});
		answer(pool, options, nextFile, request, response, left.signal).catch((error: unknown) => refuse(request, response, error));
	});
	return server;
}

async function answer(
	pool: SessionPool,
	options: FacadeOptions,
	nextFile: () => string,
	request: IncomingMessage,
	response: ServerResponse,
	left: AbortSignal,
): Promise<void> {
	const url = new URL(request.url ?? '/', 'http://engine');
	if (url.pathname === '/ping') {
		response.writeHead(200, { 'content-type': 'text/html; charset=UTF-8' }).end('Ok.\n');
		return;
	}
	if (url.pathname !== '/') throw new Failure('not_found', `there is no resource ${url.pathname}`);
	if (!authorised(request, url.searchParams, options.password))
		throw new HttpError(CODE.authentication, 'AUTHENTICATION_FAILED', 'default: Authentication failed: password is incorrect');
	if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
		throw new Failure('unsupported', 'the embedded engine takes bodies as they are, without content-encoding');

	const urlQuery = url.searchParams.get('query') ?? '';
	const insert = readInsert(urlQuery);
	if (insert !== undefined) {
		await load(pool, options, nextFile(), readStatement(url.searchParams, urlQuery), insert, request, response);
		return;
	}
	const [bodyQuery, form] = await readQuery(request, options.queryBytesMax);
	const query = [urlQuery, bodyQuery].filter((part) => part !== '').join('\n');
	if (query.trim() === '') throw new HttpError(62, 'SYNTAX_ERROR', 'Empty query');
	const statement = readStatement(url.searchParams, query, form);
	if (isReadOnly(query)) await execute(pool, 'read', statement, response, left);
	else await execute(pool, 'write', statement, response, new AbortController().signal);
}

/** Loads a request's body as the data of an INSERT. An insert is not stopped when its client leaves: it is safe to send again. */
async function load(
	pool: SessionPool,
	options: FacadeOptions,
	path: string,
	statement: Statement,
	insert: InsertHead,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const signal = new AbortController().signal;
	const before = await diskSpace('.');
	if (!before.hasRoom) throw noSpace(`the disk has ${before.freeBytes} bytes left, too few to begin a load`);
	try {
		await pipeline(limited(request, options.insertBytesMax), createWriteStream(path));
		if ((await stat(path)).size === 0) {
			respond(response, statement, new Uint8Array(), { rowsRead: 0, bytesRead: 0, elapsed: 0 });
			return;
		}
		const structure = insert.format.toLowerCase() === 'native' ? '' : await tableStructure(pool, statement, insert, signal);
		const query = insertFromFile(insert, path, structure);
		const result = await pool.run('write', { ...statement, query }, signal);
		if ((await diskSpace('.')).isFull) throw noSpace('the disk ran full during the load');
		respond(response, statement, result.bytes(), result);
	} catch (error) {
		if (DISK_CODES.has(engineCode(error) ?? 0)) response.once('close', () => options.onDiskError((error as Error).message));
		throw error;
	} finally {
		await rm(path, { force: true });
	}
}

function noSpace(message: string): HttpError {
	return new HttpError(CODE.noSpace, 'NOT_ENOUGH_SPACE', message);
}

/** The table's columns as `name type` pairs: text formats are read as what the table wants, not as what they look like. */
async function tableStructure(pool: SessionPool, statement: Statement, insert: InsertHead, signal: AbortSignal): Promise<string> {
	const describe: Statement = { ...statement, query: `DESCRIBE TABLE ${insert.table}`, format: 'JSONEachRow', settings: new Map() };
	const result = await pool.run('write', describe, signal);
	const columns = result
		.text()
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as { name: string; type: string; default_type: string })
		.filter((column) => column.default_type !== 'ALIAS' && column.default_type !== 'MATERIALIZED');
	const types = new Map(columns.map((column) => [column.name, column.type]));
	const names = insert.columns === '' ? [...types.keys()] : insert.columns.split(',').map((name) => unquoteName(name.trim()));
	return names.map((name) => `${quoteName(name)} ${types.get(name) ?? 'String'}`).join(', ');
}

async function execute(pool: SessionPool, lane: Lane, statement: Statement, response: ServerResponse, signal: AbortSignal): Promise<void> {
	const result = await pool.run(lane, statement, signal);
	respond(response, statement, result.bytes(), result);
}

interface Cost {
	readonly rowsRead: number;
	readonly bytesRead: number;
	/** Seconds. */
	readonly elapsed: number;
}

function respond(response: ServerResponse, statement: Statement, body: Uint8Array, cost: Cost): void {
	const summary = {
		read_rows: String(cost.rowsRead),
		read_bytes: String(cost.bytesRead),
		elapsed_ns: String(Math.round(cost.elapsed * 1e9)),
	};
	response.writeHead(200, {
		'content-type': 'text/plain; charset=UTF-8',
		'content-length': body.byteLength,
		'x-clickhouse-query-id': statement.queryId,
		'x-clickhouse-timezone': 'UTC',
		'x-clickhouse-summary': JSON.stringify(summary),
	});
	response.end(body);
}

/** An error with ClickHouse's own number and name. */
class HttpError extends Error {
	readonly code: number;
	readonly type: string;

	constructor(code: number, type: string, message: string) {
		super(message);
		this.code = code;
		this.type = type;
	}
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
	const [code, text] = describeError(error);
	if (response.headersSent || response.destroyed) {
		response.destroy();
		return;
	}
	const body = Buffer.from(`${text}\n`);
	// What is left of a body that was refused is not worth reading.
	const close = request.complete ? {} : { connection: 'close' };
	response.writeHead(statusOf(code), {
		...close,
		'content-type': 'text/plain; charset=UTF-8',
		'content-length': body.byteLength,
		'x-clickhouse-exception-code': String(code),
	});
	response.end(body);
}

function describeError(error: unknown): [code: number, text: string] {
	if (error instanceof HttpError) return [error.code, exceptionText(error.code, error.type, error.message)];
	if (error instanceof Failure) {
		switch (error.code) {
			case 'too_large':
				return [CODE.tooLarge, exceptionText(CODE.tooLarge, 'TOO_MANY_BYTES', error.message)];
			case 'overloaded':
				return [CODE.overloaded, exceptionText(CODE.overloaded, 'TOO_MANY_SIMULTANEOUS_QUERIES', error.message)];
			case 'cancelled':
				return [CODE.cancelled, exceptionText(CODE.cancelled, 'QUERY_WAS_CANCELLED', error.message)];
			case 'unsupported':
				return [CODE.unsupported, exceptionText(CODE.unsupported, 'NOT_IMPLEMENTED', error.message)];
			default:
				return [CODE.badArguments, exceptionText(CODE.badArguments, 'BAD_ARGUMENTS', error.message)];
		}
	}
	const code = engineCode(error);
	const message = error instanceof Error ? error.message : String(error);
	const refused = FILE_ERRORS[systemCode(error)];
	if (refused !== undefined) return [refused[0], exceptionText(refused[0], refused[1], message)];
	if (code === undefined) return [CODE.internal, exceptionText(CODE.internal, 'UNKNOWN_EXCEPTION', message)];
	return [code, message];
}

/** The engine's exception number, which the library's errors carry beside the message. */
function engineCode(error: unknown): number | undefined {
	if (typeof error !== 'object' || error === null || !('clickhouseCode' in error)) return undefined;
	return typeof error.clickhouseCode === 'number' ? error.clickhouseCode : undefined;
}

/** What can go wrong with the file that takes the body of an insert. It says nothing about the data: the same insert may be sent again. */
const FILE_ERRORS: Readonly<Record<string, readonly [code: number, type: string]>> = {
	ENOSPC: [CODE.noSpace, 'NOT_ENOUGH_SPACE'],
	EDQUOT: [CODE.noSpace, 'NOT_ENOUGH_SPACE'],
	EIO: [CODE.file, 'CANNOT_WRITE_TO_FILE_DESCRIPTOR'],
	EROFS: [CODE.file, 'CANNOT_WRITE_TO_FILE_DESCRIPTOR'],
	EMFILE: [CODE.file, 'CANNOT_WRITE_TO_FILE_DESCRIPTOR'],
	ENFILE: [CODE.file, 'CANNOT_WRITE_TO_FILE_DESCRIPTOR'],
};

function systemCode(error: unknown): string {
	return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function exceptionText(code: number, type: string, message: string): string {
	return `Code: ${code}. DB::Exception: ${message}. (${type})`;
}

/** As ClickHouse's exceptionCodeToHTTPStatus: what the caller got wrong is 4xx, the rest 500. */
function statusOf(code: number): number {
	switch (code) {
		case CODE.authentication:
			return 403;
		case 60: // UNKNOWN_TABLE
		case 81: // UNKNOWN_DATABASE
		case 46: // UNKNOWN_FUNCTION
		case 47: // UNKNOWN_IDENTIFIER
		case 115: // UNKNOWN_SETTING
		case 456: // UNKNOWN_QUERY_PARAMETER
			return 404;
		case 159: // TIMEOUT_EXCEEDED
			return 408;
		case CODE.tooLarge:
			return 413;
		case CODE.unsupported:
			return 501;
		case CODE.overloaded:
			return 503;
		case 6: // CANNOT_PARSE_TEXT
		case 26: // CANNOT_PARSE_QUOTED_STRING
		case 27: // CANNOT_PARSE_INPUT_ASSERTION_FAILED
		case CODE.badArguments:
		case 38: // CANNOT_PARSE_DATE
		case 41: // CANNOT_PARSE_DATETIME
		case 42: // NUMBER_OF_ARGUMENTS_DOESNT_MATCH
		case 43: // ILLEGAL_TYPE_OF_ARGUMENT
		case 53: // TYPE_MISMATCH
		case 62: // SYNTAX_ERROR
		case 72: // CANNOT_PARSE_NUMBER
		case 130: // CANNOT_READ_ARRAY_FROM_TEXT
			return 400;
		default:
			return 500;
	}
}

function authorised(request: IncomingMessage, url: URLSearchParams, password: string): boolean {
	const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
	const fromBasic =
		basic === undefined
			? undefined
			: Buffer.from(basic, 'base64')
					.toString()
					.replace(/^[^:]*:/, '');
	const header = request.headers['x-clickhouse-key'];
	const given = fromBasic ?? (typeof header === 'string' ? header : undefined) ?? url.get('password') ?? '';
	const [a, b] = [Buffer.from(given), Buffer.from(password)];
	return a.length === b.length && timingSafeEqual(a, b);
}

/** The statement in the body, and `param_*` fields when the body is a form. */
async function readQuery(request: IncomingMessage, bytesMax: number): Promise<[query: string, form: [string, string][]]> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of limited(request, bytesMax)) chunks.push(chunk);
	const body = Buffer.concat(chunks);
	const contentType = request.headers['content-type'] ?? '';
	if (!/^multipart\/form-data/i.test(contentType)) return [body.toString(), []];
	const form = await new Response(body, { headers: { 'content-type': contentType } }).formData();
	const fields = [...form].map(([name, value]): [string, string] => {
		if (typeof value !== 'string') throw new Failure('unsupported', 'the embedded engine takes no files in a form');
		return [name, value];
	});
	return [fields.find(([name]) => name === 'query')?.[1] ?? '', fields.filter(([name]) => name !== 'query')];
}

async function* limited(source: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
	let bytes = 0;
	for await (const chunk of source) {
		bytes += chunk.byteLength;
		if (bytes > bytesMax) throw new Failure('too_large', `the body is longer than ${bytesMax} bytes`);
		yield chunk;
	}
}
