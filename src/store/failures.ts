/** What the database's errors mean to a caller. Numbers: ClickHouse, src/Common/ErrorCodes.cpp. */

import { ClickHouseError } from '@clickhouse/client';
import { type ErrorCode, Failure, type FailureOptions } from '../base/errors.ts';

/** What the disk refuses today it may take tomorrow: it says nothing about the statement or its data. */
const DISK: FailureOptions = { retryAfterMs: 2000, hint: 'look at the disk of the database' };
const NARROW = 'narrow the time range or add a filter';

const MEANINGS: Readonly<Record<string, readonly [ErrorCode, FailureOptions]>> = {
	'159': ['timeout', { retryable: false, hint: NARROW }], // TIMEOUT_EXCEEDED
	'160': ['timeout', { retryable: false, hint: NARROW }], // TOO_SLOW
	'158': ['too_large', { hint: NARROW }], // TOO_MANY_ROWS
	'191': ['too_large', { hint: NARROW }], // SET_SIZE_LIMIT_EXCEEDED
	'241': ['too_large', { hint: NARROW }], // MEMORY_LIMIT_EXCEEDED
	'307': ['too_large', { hint: NARROW }], // TOO_MANY_BYTES
	'396': ['too_large', { hint: NARROW }], // TOO_MANY_ROWS_OR_BYTES
	'202': ['overloaded', { retryAfterMs: 1000 }], // TOO_MANY_SIMULTANEOUS_QUERIES
	'252': ['overloaded', { retryAfterMs: 5000 }], // TOO_MANY_PARTS
	'394': ['cancelled', {}], // QUERY_WAS_CANCELLED
	'427': ['invalid_argument', {}], // CANNOT_COMPILE_REGEXP
	'457': ['invalid_argument', {}], // BAD_QUERY_PARAMETER
	'192': ['unavailable', { retryable: false, hint: 'check storage.clickhouse.username and password' }], // UNKNOWN_USER
	'193': ['unavailable', { retryable: false, hint: 'check storage.clickhouse.username and password' }], // WRONG_PASSWORD
	'516': ['unavailable', { retryable: false, hint: 'check storage.clickhouse.username and password' }], // AUTHENTICATION_FAILED
	'173': ['overloaded', { retryAfterMs: 5000 }], // CANNOT_ALLOCATE_MEMORY
	'439': ['overloaded', { retryAfterMs: 5000 }], // CANNOT_SCHEDULE_TASK
	'243': ['unavailable', { retryAfterMs: 2000, hint: 'the disk of the database is full' }], // NOT_ENOUGH_SPACE
	'74': ['unavailable', DISK], // CANNOT_READ_FROM_FILE_DESCRIPTOR
	'75': ['unavailable', DISK], // CANNOT_WRITE_TO_FILE_DESCRIPTOR
	'76': ['unavailable', DISK], // CANNOT_OPEN_FILE
	'77': ['unavailable', DISK], // CANNOT_CLOSE_FILE
	'87': ['unavailable', DISK], // CANNOT_SEEK_THROUGH_FILE
	'88': ['unavailable', DISK], // CANNOT_TRUNCATE_FILE
	'172': ['unavailable', DISK], // CANNOT_CREATE_DIRECTORY
	'204': ['unavailable', DISK], // CANNOT_FSYNC
	'294': ['unavailable', DISK], // CANNOT_WRITE_TO_FILE
	'400': ['unavailable', DISK], // CANNOT_STAT
	'458': ['unavailable', DISK], // CANNOT_UNLINK
	'586': ['unavailable', DISK], // CANNOT_CREATE_FILE
	'1001': ['unavailable', DISK], // STD_EXCEPTION: what std::filesystem throws, when it is not std::bad_alloc
	'242': ['unavailable', { retryAfterMs: 5000 }], // TABLE_IS_READ_ONLY
	'210': ['unavailable', {}], // NETWORK_ERROR
	'232': ['not_found', {}], // NO_SUCH_DATA_PART
};

const NETWORK = new Set([
	'ECONNREFUSED',
	'ECONNRESET',
	'EPIPE',
	'ENOTFOUND',
	'EAI_AGAIN',
	'EHOSTUNREACH',
	'ENETUNREACH',
	'ETIMEDOUT',
	'UND_ERR_SOCKET',
]);

/** A `Failure` as it is; anything else by the database's number or the socket's code. */
export function toFailure(error: unknown): Failure {
	if (error instanceof Failure) return error;
	const message = error instanceof Error ? error.message.trim() : String(error);
	if (error instanceof ClickHouseError) {
		const [code, options] = MEANINGS[error.code] ?? ['internal', {}];
		return new Failure(code, `the database answered: ${message} (${error.code} ${error.type ?? ''})`, { ...options, cause: error });
	}
	if (isNetworkError(error)) return new Failure('unavailable', `cannot reach the database: ${message}`, { cause: error });
	return new Failure('internal', `the database client failed: ${message}`, { cause: error });
}

/** The connection could not be made, or broke. */
export function isNetworkError(error: unknown): boolean {
	return NETWORK.has(socketCode(error));
}

/** The connection could not be made, so the statement was never seen. */
export function wasRefused(error: unknown): boolean {
	return socketCode(error) === 'ECONNREFUSED';
}

function socketCode(error: unknown): string {
	if (error instanceof ClickHouseError || typeof error !== 'object' || error === null || !('code' in error)) return '';
	return typeof error.code === 'string' ? error.code : '';
}
