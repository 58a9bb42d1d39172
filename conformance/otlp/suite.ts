/** Runs cases against an endpoint, and after each case asks whether a good request is still served. */

import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { build, head } from './body.ts';
import type { Case, Compression, Suite } from './cases.ts';
import { frame, type GrpcAnswer, GrpcConnection } from './grpc-exchange.ts';
import { type Exchange, exchange, type Sending } from './http-exchange.ts';
import { judgeGrpc, judgeHttp } from './judge.ts';
import { KNOWN } from './known.ts';
import { CONTENT_TYPE, type Encoding, GRPC_CODES, GRPC_METHOD, type Signal } from './protocol.ts';

export interface Endpoint {
	/** Origin of OTLP/HTTP, e.g. `http://127.0.0.1:4318`; a path in it is put before `/v1/...`. */
	readonly http: string | undefined;
	readonly grpc: string | undefined;
}

export interface Result {
	readonly case: Case;
	/** Undefined when the endpoint has no such transport. */
	readonly problems: readonly string[] | undefined;
	/** What came back, in one line. */
	readonly actual: string;
	/** Why this case is known to fail. */
	readonly known?: string;
}

/** A result of our own platform, with what `known.ts` says about it. */
export function withKnown(result: Result): Result {
	const known = KNOWN[result.case.id];
	if (known === undefined) return result;
	if (result.problems?.length === 0) return { ...result, problems: ['passes, and has to leave known.ts'] };
	return { ...result, problems: [], known };
}

const TIMEOUT_MS = 20_000;
const PROBE_TIMEOUT_MS = 20_000;

const PATH: Readonly<Record<Signal, string>> = { traces: '/v1/traces', metrics: '/v1/metrics', logs: '/v1/logs' };

export class SuiteRun {
	private readonly suite: Suite;
	private readonly http: URL | undefined;
	private readonly grpc: GrpcConnection | undefined;

	constructor(suite: Suite, endpoint: Endpoint) {
		this.suite = suite;
		this.http = endpoint.http === undefined ? undefined : new URL(endpoint.http);
		this.grpc = endpoint.grpc === undefined ? undefined : new GrpcConnection(endpoint.grpc);
	}

	close(): void {
		this.grpc?.close();
	}

	async run(each: Case): Promise<Result> {
		const over = each.via === 'grpc' ? this.grpc : this.http;
		if (over === undefined) return { case: each, problems: undefined, actual: 'not run' };
		const { problems, actual } = each.via === 'grpc' ? await this.overGrpc(each) : await this.overHttp(each);
		const still = each.via === 'grpc' ? await this.probeGrpc() : await this.probeHttp();
		return { case: each, problems: still === '' ? problems : [...problems, `a good request afterwards: ${still}`], actual };
	}

	private async overHttp(each: Case): Promise<{ problems: string[]; actual: string }> {
		const found = await exchange(this.sendings(each), {
			...this.address(),
			answers: each.expect.length,
			timeoutMs: TIMEOUT_MS,
			headOnly: each.method === 'HEAD',
			watchClose: each.closes !== undefined,
		});
		const problems = each.expect.flatMap((expected, index) => {
			const answer = found.answers[index];
			const prefix = each.expect.length > 1 ? `answer ${index + 1}: ` : '';
			if (answer === undefined) return [`${prefix}${found.timedOut ? 'none in time' : 'none, the connection was closed'}`];
			return judgeHttp(each, expected, answer).map((problem) => `${prefix}${problem}`);
		});
		if (each.closes !== undefined && found.closed !== each.closes)
			problems.push(`the connection was ${found.closed ? 'closed' : 'left open'} afterwards`);
		if (found.answers.length > each.expect.length) problems.push(`${found.answers.length} answers, expected ${each.expect.length}`);
		return { problems, actual: describeHttp(found) };
	}

	private async overGrpc(each: Case): Promise<{ problems: string[]; actual: string }> {
		const [expected] = each.expect;
		if (expected === undefined || each.expect.length > 1 || this.grpc === undefined)
			throw new Error(`${each.id}: gRPC cases have one answer`);
		const answer = await this.grpc.call(this.grpcCall(each), TIMEOUT_MS);
		return { problems: judgeGrpc(each, expected, answer), actual: describeGrpc(answer) };
	}

	private sendings(each: Case): Sending[] {
		const encoding: Encoding = each.via === 'http/json' ? 'json' : 'protobuf';
		const context = { signal: each.signal, encoding, messages: this.suite.messages };
		if (each.script !== undefined) return each.script.map((step) => ('pauseMs' in step ? step : { bytes: build(step.send, context) }));
		const body = COMPRESS[each.compression](build(each.body, context));
		const headers = withOverrides(
			{
				host: `${this.http?.host}`,
				'content-type': CONTENT_TYPE[encoding],
				...(each.compression === 'none' ? {} : { 'content-encoding': each.compression }),
				'content-length': body.length,
			},
			each.headers,
		);
		const path = `${this.prefix()}${each.path ?? PATH[each.signal]}`;
		return [{ bytes: head({ method: each.method, path, headers }) }, { bytes: body }];
	}

	private grpcCall(each: Case): { headers: Record<string, string>; bytes: Buffer } {
		const context = { signal: each.signal, encoding: 'protobuf' as const, messages: this.suite.messages };
		const body = COMPRESS[each.compression](build(each.body, context));
		const flag = each.frame.flag ?? (each.compression === 'none' ? 0 : 1);
		const messages = Array.from({ length: each.frame.count ?? 1 }, () => frame(body, flag, each.frame.length));
		const headers = withOverrides(
			{
				':method': each.method ?? 'POST',
				':path': each.path ?? GRPC_METHOD[each.signal],
				'content-type': 'application/grpc',
				te: 'trailers',
				...(each.compression === 'none' ? {} : { 'grpc-encoding': each.compression }),
			},
			each.headers,
		);
		return {
			headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
			bytes: Buffer.concat(messages),
		};
	}

	private async probeHttp(): Promise<string> {
		const body = Buffer.from(JSON.stringify(this.suite.messages['good']?.traces));
		const headers = { host: `${this.http?.host}`, 'content-type': CONTENT_TYPE.json, 'content-length': body.length };
		const bytes = Buffer.concat([head({ path: `${this.prefix()}${PATH.traces}`, headers }), body]);
		const found = await exchange([{ bytes }], { ...this.address(), answers: 1, timeoutMs: PROBE_TIMEOUT_MS });
		return found.answers[0]?.status === 200 ? '' : describeHttp(found);
	}

	private async probeGrpc(): Promise<string> {
		const body = build([{ message: 'good' }], { signal: 'traces', encoding: 'protobuf', messages: this.suite.messages });
		const headers = { ':method': 'POST', ':path': GRPC_METHOD.traces, 'content-type': 'application/grpc', te: 'trailers' };
		const answer = await this.grpc?.call({ headers, bytes: frame(body, 0) }, PROBE_TIMEOUT_MS);
		return answer === undefined || answer.code === 0 ? '' : describeGrpc(answer);
	}

	private address(): { host: string; port: number } {
		const { hostname, port } = this.http as URL;
		return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port === '' ? 80 : port) };
	}

	private prefix(): string {
		return (this.http as URL).pathname.replace(/\/$/, '');
	}
}

const COMPRESS: Readonly<Record<Compression, (body: Buffer) => Buffer>> = {
	none: (body) => body,
	gzip: (body) => gzipSync(body),
	deflate: (body) => deflateSync(body),
	zstd: (body) => zstdCompressSync(body),
};

function withOverrides(
	headers: Readonly<Record<string, string | number>>,
	overrides: Readonly<Record<string, string | number | null>>,
): Record<string, string | number> {
	const result: Record<string, string | number> = { ...headers };
	for (const [name, value] of Object.entries(overrides)) {
		if (value === null) delete result[name];
		else result[name] = value;
	}
	return result;
}

function describeHttp({ answers, interim, closed, timedOut, rest }: Exchange): string {
	const lines = answers.map(({ status, headers, body }) => `${status} ${headers['content-type'] ?? ''} ${excerpt(body)}`);
	return [...interim, ...lines, ...(rest.length > 0 ? [`then ${excerpt(rest)}`] : []), closed ? 'closed' : timedOut ? 'timed out' : '']
		.filter((part) => part !== '')
		.join(' | ');
}

function describeGrpc({ httpStatus, code, message, reset, bodies, timedOut }: GrpcAnswer): string {
	if (timedOut) return 'timed out';
	if (code === undefined) return `HTTP ${httpStatus}, no grpc-status, reset ${reset}`;
	return `${GRPC_CODES[code] ?? code} ${message} ${bodies.map(excerpt).join(' ')}`.trim();
}

function excerpt(bytes: Buffer): string {
	const text = bytes.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
	return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
