/**
 * What a case sends, from parts that are data: text, bytes in hexadecimal, length-delimited protobuf fields, whole messages, anything
 * repeated or compressed. Parts stand in one another, so a truncated gzip member behind a good one is two lines of YAML.
 */

import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { z } from 'zod';
import { type Encoding, encodeMessage, type Signal } from './protocol.ts';

export type Part =
	| { readonly text: string }
	| { readonly hex: string }
	| { readonly zeros: number }
	| { readonly repeat: number; readonly of: readonly Part[] }
	/** A length-delimited protobuf field; `levels` wraps it so many times, going round `field` when it is a list. */
	| { readonly field: number | readonly number[]; readonly levels?: number | undefined; readonly of: readonly Part[] }
	/** A request in the encoding of the case: the name of one in `messages.yaml`, or itself. */
	| { readonly message: string | Readonly<Record<string, unknown>> }
	/** `cut` bytes are missing at the end. */
	| { readonly gzip: readonly Part[]; readonly cut?: number | undefined }
	| { readonly deflate: readonly Part[] }
	| { readonly zstd: readonly Part[] }
	| { readonly br: readonly Part[] }
	/** The head of an HTTP/1.1 request. */
	| { readonly head: Head };

export interface Head {
	readonly method?: string | undefined;
	readonly path?: string | undefined;
	readonly version?: string | undefined;
	readonly headers?: Readonly<Record<string, string | number>> | undefined;
}

const count = z.number().int().min(0);
const parts: z.ZodType<readonly Part[]> = z.lazy(() => z.array(Part));

export const Part: z.ZodType<Part> = z.union([
	z.strictObject({ text: z.string() }),
	z.strictObject({ hex: z.string().regex(/^[0-9a-fA-F\s]*$/) }),
	z.strictObject({ zeros: count }),
	z.strictObject({ repeat: count, of: parts }),
	z.strictObject({ field: z.union([count, z.array(count)]), levels: count.optional(), of: parts }),
	z.strictObject({ message: z.union([z.string(), z.record(z.string(), z.unknown())]) }),
	z.strictObject({ gzip: parts, cut: count.optional() }),
	z.strictObject({ deflate: parts }),
	z.strictObject({ zstd: parts }),
	z.strictObject({ br: parts }),
	z.strictObject({
		head: z.strictObject({
			method: z.string().optional(),
			path: z.string().optional(),
			version: z.string().optional(),
			headers: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
		}),
	}),
]);

/** Name -> signal -> request. */
export type Messages = Readonly<Record<string, Readonly<Partial<Record<Signal, Readonly<Record<string, unknown>>>>>>>;

export interface BodyContext {
	readonly signal: Signal;
	readonly encoding: Encoding;
	readonly messages: Messages;
}

export function build(list: readonly Part[], context: BodyContext): Buffer {
	return Buffer.concat(list.map((part) => one(part, context)));
}

function one(part: Part, context: BodyContext): Buffer {
	if ('text' in part) return Buffer.from(part.text);
	if ('hex' in part) return Buffer.from(part.hex.replace(/\s/g, ''), 'hex');
	if ('zeros' in part) return Buffer.alloc(part.zeros);
	if ('repeat' in part) return repeat(build(part.of, context), part.repeat);
	if ('field' in part) return wrap(build(part.of, context), [part.field].flat(), part.levels ?? [part.field].flat().length);
	if ('message' in part) return encodeMessage(context.signal, context.encoding, named(part.message, context));
	if ('gzip' in part) return cut(gzipSync(build(part.gzip, context)), part.cut ?? 0);
	if ('deflate' in part) return deflateSync(build(part.deflate, context));
	if ('zstd' in part) return zstdCompressSync(build(part.zstd, context));
	if ('br' in part) return brotliCompressSync(build(part.br, context));
	return head(part.head);
}

function named(message: string | Readonly<Record<string, unknown>>, { signal, messages }: BodyContext): Readonly<Record<string, unknown>> {
	if (typeof message !== 'string') return message;
	const found = messages[message]?.[signal];
	if (found === undefined) throw new Error(`messages.yaml has no '${message}' for ${signal}`);
	return found;
}

function repeat(bytes: Buffer, times: number): Buffer {
	return times === 0 ? Buffer.alloc(0) : Buffer.alloc(bytes.length * times, bytes);
}

function cut(bytes: Buffer, missing: number): Buffer {
	return bytes.subarray(0, bytes.length - missing);
}

/** From the inside out: the last of `fields` is the innermost. */
function wrap(content: Buffer, fields: readonly number[], levels: number): Buffer {
	const headers: Buffer[] = [];
	let length = content.length;
	for (let level = levels - 1; level >= 0; level--) {
		const number = fields[level % fields.length] as number;
		const header = Buffer.concat([varint((number << 3) | 2), varint(length)]);
		headers.push(header);
		length += header.length;
	}
	return Buffer.concat([...headers.reverse(), content]);
}

function varint(value: number): Buffer {
	const bytes: number[] = [];
	let rest = value;
	for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
	return Buffer.from([...bytes, rest]);
}

export function head({ method = 'POST', path = '/v1/traces', version = 'HTTP/1.1', headers = {} }: Head): Buffer {
	const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
	return Buffer.from(`${method} ${path} ${version}\r\n${lines.join('')}\r\n`);
}
