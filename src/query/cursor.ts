/**
 * The opaque place where a page of traces ended: everything the next page needs to go on exactly there while data keeps coming in.
 * The range is frozen in it, so a relative "last hour" does not slide between pages, and so is a fingerprint of the question, so a
 * cursor of another search is refused rather than misread. Base64url of JSON `[version, question, fromMs, toMs, value, traceId]`.
 */

import { Failure } from '../base/errors.ts';
import { isRange, type TimeRange } from './time-range.ts';

export interface Cursor {
	readonly range: TimeRange;
	/** Start (sort time) or duration (sort duration) of the last trace on the page, nanoseconds as decimal text. */
	readonly value: string;
	/** Trace id of that trace, the tie-break. */
	readonly traceId: string;
}

const VERSION = 1;
const TEXT_MAX = 512;

export function encodeCursor(cursor: Cursor, question: string): string {
	const { range, value, traceId } = cursor;
	return Buffer.from(JSON.stringify([VERSION, fingerprint(question), range.fromMs, range.toMs, value, traceId])).toString('base64url');
}

/** Throws `Failure('invalid_argument')` when the text is no cursor of this question. */
export function decodeCursor(text: string, question: string): Cursor {
	const parts = parse(text);
	if (parts === undefined) throw refused('cursor is not one this API gave out');
	const [, asked, fromMs, toMs, value, traceId] = parts;
	if (asked !== fingerprint(question)) throw refused('cursor belongs to another search');
	return { range: { fromMs, toMs }, value, traceId };
}

type Parts = [version: 1, question: string, fromMs: number, toMs: number, value: string, traceId: string];

function parse(text: string): Parts | undefined {
	if (text.length > TEXT_MAX || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
	let parts: unknown;
	try {
		parts = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
	} catch {
		return undefined;
	}
	if (!Array.isArray(parts) || parts.length !== 6) return undefined;
	const [version, question, fromMs, toMs, value, traceId] = parts as unknown[];
	const valid =
		version === VERSION &&
		typeof question === 'string' &&
		isRange({ fromMs, toMs }) &&
		typeof value === 'string' &&
		/^-?\d{1,19}$/.test(value) &&
		BigInt.asIntN(64, BigInt(value)) === BigInt(value) &&
		typeof traceId === 'string' &&
		/^[0-9a-f]{32}$/.test(traceId);
	return valid ? (parts as Parts) : undefined;
}

function refused(message: string): Failure {
	return new Failure('invalid_argument', message, { hint: 'pass nextCursor of the page before, with the same filters and sort' });
}

/** FNV-1a, 64 bits: tells questions apart, hides nothing. */
function fingerprint(question: string): string {
	let hash = 0xcbf29ce484222325n;
	for (const byte of Buffer.from(question, 'utf8')) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
	return hash.toString(36);
}
