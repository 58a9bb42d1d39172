/** Every way to send a bad OTLP/HTTP request, and what it is answered. Adding a case is one entry. */

import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

export const PROTOBUF = 'application/x-protobuf';
export const JSON_TYPE = 'application/json';
/** The limit of the receiver under test, bytes. */
export const REQUEST_MAX = 100_000;

/** Without more: a POST of nothing to /v1/traces as protobuf. */
export interface HttpRequest {
	readonly method?: string;
	readonly path?: string;
	readonly headers?: Readonly<Record<string, string | number>>;
	readonly body?: Uint8Array | string;
}

const bomb = gzipSync(Buffer.alloc(REQUEST_MAX * 50));
const gz = gzipSync('hello');

export interface BadCase extends HttpRequest {
	readonly about: string;
	readonly status: number;
	readonly code: number;
	readonly says: RegExp;
	readonly answersIn?: string;
}

export const BAD: readonly BadCase[] = [
	{ about: 'GET', method: 'GET', status: 405, code: 12, says: /POST/ },
	{
		about: 'OPTIONS without CORS',
		method: 'OPTIONS',
		headers: { origin: 'https://a.example' },
		status: 405,
		code: 12,
		says: /POST/,
		answersIn: JSON_TYPE,
	},
	{ about: 'an unknown path', path: '/v1/trace', status: 404, code: 5, says: /\/v1\/traces/ },
	{
		about: "Jaeger's path",
		path: '/api/traces?format=jaeger.thrift',
		status: 404,
		code: 5,
		says: /Jaeger.*OTLP\/HTTP.*\/v1\/traces.*OTLP\/gRPC/,
	},
	{
		about: "Zipkin's path",
		path: '/api/v2/spans',
		headers: { 'content-type': JSON_TYPE },
		body: '[]',
		status: 404,
		code: 5,
		says: /Zipkin.*\/v1\/traces/,
		answersIn: JSON_TYPE,
	},
	{ about: 'a path of Object.prototype', path: '/constructor', status: 404, code: 5, says: /nothing at/ },
	{ about: 'no content type', headers: {}, body: 'abc', status: 415, code: 3, says: /Content-Type is required/, answersIn: JSON_TYPE },
	{ about: 'text', headers: { 'content-type': 'text/plain' }, body: '{}', status: 415, code: 3, says: /text\/plain/, answersIn: JSON_TYPE },
	{
		about: 'gRPC on the HTTP port',
		headers: { 'content-type': 'application/grpc' },
		status: 415,
		code: 3,
		says: /4317/,
		answersIn: JSON_TYPE,
	},
	{
		about: 'JSON in Latin-1',
		headers: { 'content-type': 'application/json; charset=iso-8859-1' },
		body: '{}',
		status: 415,
		code: 3,
		says: /UTF-8/,
		answersIn: JSON_TYPE,
	},
	{
		about: 'an unknown coding',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'br' },
		body: 'x',
		status: 415,
		code: 3,
		says: /'br'.*gzip/,
	},
	{
		about: 'two codings',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip, gzip' },
		body: 'x',
		status: 415,
		code: 3,
		says: /not supported/,
	},
	{ about: 'too much on the wire', body: 'x'.repeat(REQUEST_MAX + 1), status: 413, code: 8, says: /on the wire/ },
	{
		about: 'too much on the wire without a length',
		headers: { 'content-type': PROTOBUF, 'transfer-encoding': 'chunked' },
		body: 'x'.repeat(REQUEST_MAX + 1),
		status: 413,
		code: 8,
		says: /on the wire/,
	},
	{
		about: 'too much inflated',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip' },
		body: gzipSync(Buffer.alloc(REQUEST_MAX + 1)),
		status: 413,
		code: 8,
		says: /inflated/,
	},
	{
		about: 'a gzip bomb',
		headers: { 'content-type': JSON_TYPE, 'content-encoding': 'gzip' },
		body: bomb,
		status: 413,
		code: 8,
		says: /inflated/,
		answersIn: JSON_TYPE,
	},
	{
		about: 'a zstd bomb',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'zstd' },
		body: zstdCompressSync(Buffer.alloc(REQUEST_MAX * 50)),
		status: 413,
		code: 8,
		says: /inflated/,
	},
	{
		about: 'truncated gzip',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip' },
		body: gz.subarray(0, -1),
		status: 400,
		code: 3,
		says: /not valid gzip/,
	},
	{
		about: 'gzip with garbage behind it',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip' },
		body: Buffer.concat([gz, Buffer.from('junk')]),
		status: 400,
		code: 3,
		says: /not valid gzip/,
	},
	{
		about: 'gzip with zeros behind it',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip' },
		body: Buffer.concat([gz, Buffer.alloc(9)]),
		status: 400,
		code: 3,
		says: /9 bytes follow/,
	},
	{
		about: 'gzip that is none',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip' },
		body: 'hello',
		status: 400,
		code: 3,
		says: /not valid gzip/,
	},
	{
		about: 'a gzip header with an empty body',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'gzip' },
		body: '',
		status: 400,
		code: 3,
		says: /not valid gzip/,
	},
	{
		about: 'deflate with garbage behind it',
		headers: { 'content-type': PROTOBUF, 'content-encoding': 'deflate' },
		body: Buffer.concat([deflateSync('a'), Buffer.from('b')]),
		status: 400,
		code: 3,
		says: /not valid deflate/,
	},
];
