/**
 * A fake of the API for browser tests: serves the built UI and deterministic answers. Every answer passes the contract's own schema
 * before it leaves, so the fake cannot drift from the real thing.
 */

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import {
	LogsResponse,
	OperationsResponse,
	PATHS,
	PipelineResponse,
	type ServiceSummary,
	ServicesResponse,
	SpanDetail,
	StatusResponse,
	TraceResponse,
	TraceSearchQuery,
	TraceSearchResponse,
} from '../../src/api/contract.ts';
import { detailOf, type FixtureSpan, type FixtureTrace, LANGUAGE, random, responseOf, summaryOf } from './fixture-data.ts';
import { checkout, large, population, workerBatch } from './fixture-traces.ts';

/** What the platform sends with every page: nothing inline, nothing from elsewhere. */
export const CONTENT_SECURITY_POLICY =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export interface FixtureApi {
	readonly url: string;
	/** Change it while running: no data, failing, slow. */
	readonly behaviour: { hasData: boolean; failing: boolean; delayMs: number };
	/** Path and query of every API request, oldest first. */
	readonly requests: string[];
	close(): Promise<void>;
}

const UI_DIR = resolve(import.meta.dirname, '../../dist/ui');
const TYPES: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
	'.woff2': 'font/woff2',
};

class NotFound extends Error {}

export async function startFixtureApi(port = 0): Promise<FixtureApi> {
	const nowMs = Date.now();
	const traces = [checkout(nowMs - 95_000), workerBatch(nowMs - 94_000), large(nowMs - 600_000), ...population(240, nowMs - 2000)];
	const behaviour = { hasData: true, failing: false, delayMs: 0 };
	const requests: string[] = [];
	const server = createServer((request, response) => {
		void answer(request, response).catch((error: unknown) => send(response, 500, { error: { code: 'internal', message: String(error) } }));
	});
	const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
		const url = new URL(request.url ?? '/', 'http://fixture');
		if (!url.pathname.startsWith('/api/')) return sendFile(response, url.pathname);
		requests.push(url.pathname + url.search);
		if (behaviour.delayMs > 0) await new Promise((settle) => setTimeout(settle, behaviour.delayMs));
		if (behaviour.failing)
			return send(response, 503, {
				error: { code: 'unavailable', message: 'The engine is restarting.', hint: 'It is usually back within a few seconds.' },
			});
		try {
			send(response, 200, route(url, traces, behaviour.hasData));
		} catch (error) {
			if (!(error instanceof NotFound)) throw error;
			send(response, 404, { error: { code: 'not_found', message: error.message } });
		}
	};
	await new Promise<void>((settle) => server.listen(port, '127.0.0.1', settle));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		behaviour,
		requests,
		close: () =>
			new Promise((settle) => {
				server.closeAllConnections();
				server.close(() => settle());
			}),
	};
}

function route(url: URL, traces: readonly FixtureTrace[], hasData: boolean): unknown {
	const [, service = '', traceId = '', spanId = ''] =
		/^\/api\/v1\/(?:services\/([^/]+)\/operations|traces\/([^/]+)(?:\/spans\/([^/]+))?.*)$/.exec(url.pathname) ?? [];
	if (url.pathname === PATHS.status) return StatusResponse.parse(status(traces, hasData));
	if (url.pathname === PATHS.pipeline) return PipelineResponse.parse(PIPELINE);
	if (url.pathname === PATHS.services) return ServicesResponse.parse(services(url, traces));
	if (url.pathname === PATHS.traces) return TraceSearchResponse.parse(search(url, traces));
	if (service !== '') return OperationsResponse.parse(operations(url, decodeURIComponent(service), traces));
	const trace = traces.find((one) => one.traceId === traceId);
	if (trace === undefined) throw new NotFound(`no trace ${traceId}`);
	if (url.pathname.endsWith('/logs')) return LogsResponse.parse({ logs: trace.logs, meta: meta(url, trace.logs.length) });
	if (url.pathname.endsWith('/otlp')) return { resourceSpans: [] };
	if (spanId === '') return traceResponse(trace);
	const span = trace.spans.find((one) => one.spanId === spanId);
	if (span === undefined) throw new NotFound(`no span ${spanId}`);
	return SpanDetail.parse(detailOf(trace, span));
}

const ACCOUNT = { recovered: 0, rejected: {}, failed: 0, inBuffer: 0, dropped: {}, unaccounted: 0 };
const PIPELINE: PipelineResponse = {
	sinceMs: Date.UTC(2026, 0, 1),
	signals: [
		{
			...ACCOUNT,
			signal: 'traces',
			accepted: 1_234_567,
			stored: 1_233_000,
			inBuffer: 1_564,
			rejected: { trace_id: 12 },
			dropped: { damage: 3 },
		},
		{ ...ACCOUNT, signal: 'logs', accepted: 4_321, stored: 4_321 },
		{ ...ACCOUNT, signal: 'metrics', accepted: 99, recovered: 1, stored: 100 },
	],
	buffer: { segments: 2, bytes: 700_000_000, bytesMax: 4 * 1024 ** 3, oldestSeconds: 31 },
};

const parsed = new WeakMap<FixtureTrace, TraceResponse>();

/** Checked once: the large trace takes a moment. */
function traceResponse(trace: FixtureTrace): TraceResponse {
	const known = parsed.get(trace) ?? TraceResponse.parse(responseOf(trace));
	parsed.set(trace, known);
	return known;
}

function range(url: URL): { fromMs: number; toMs: number } {
	const toMs = Number(url.searchParams.get('to') ?? Date.now());
	return { fromMs: Number(url.searchParams.get('from') ?? toMs - 3_600_000), toMs };
}

function meta(url: URL, rowsRead: number) {
	return { rowsRead, elapsedMs: 3.2, truncated: false, ...range(url) };
}

function status(traces: readonly FixtureTrace[], hasData: boolean): z.input<typeof StatusResponse> {
	return {
		version: '0.1.0',
		hasData,
		lastSpanMs: hasData ? Math.max(...traces.map((trace) => trace.startMs)) : null,
		endpoints: { otlpGrpc: '127.0.0.1:4317', otlpHttp: 'http://127.0.0.1:4318' },
		engine: 'embedded',
		buffer: { segments: 1, bytes: 20_480, oldestSeconds: 0.4 },
	};
}

function within(url: URL, traces: readonly FixtureTrace[]): FixtureTrace[] {
	const { fromMs, toMs } = range(url);
	return traces.filter((trace) => trace.startMs >= fromMs && trace.startMs <= toMs);
}

const STEPS = 60;
/** One fixture trace stands for this many real ones in the rates. */
const CALLS_PER_TRACE = 40;

/** Server and consumer spans, and roots; not the batch job, whose 20 000 spans are no traffic. */
function isEntry(span: FixtureSpan): boolean {
	return span.kind === 2 || span.kind === 5;
}

function services(url: URL, traces: readonly FixtureTrace[]): z.input<typeof ServicesResponse> {
	const { fromMs, toMs } = range(url);
	const found = within(url, traces).filter((trace) => trace.spans.length < 1000);
	const stepMs = (toMs - fromMs) / STEPS;
	const list = Object.keys(LANGUAGE).flatMap((service): ServiceSummary[] => {
		const spans = found.flatMap((trace) =>
			trace.spans.filter((span) => span.service === service && isEntry(span)).map((span) => ({ span, startMs: trace.startMs })),
		);
		if (spans.length === 0) return [];
		const wave = random(service.length * 31);
		const calls = Array.from({ length: STEPS }, () => 0);
		const errors = Array.from({ length: STEPS }, () => 0);
		const slowest = Array.from({ length: STEPS }, (): number | null => null);
		for (const { span, startMs } of spans) {
			const step = Math.min(Math.floor((startMs - fromMs) / stepMs), STEPS - 1);
			calls[step] = (calls[step] ?? 0) + CALLS_PER_TRACE + Math.round(wave() * 12);
			if (span.status === 2) errors[step] = (errors[step] ?? 0) + 3;
			slowest[step] = Math.max(slowest[step] ?? 0, Math.min(span.durationNs / 1e6, 400));
		}
		return [
			{
				service,
				language: LANGUAGE[service] ?? null,
				...red(
					spans.map(({ span }) => span),
					sum(calls),
					sum(errors),
					toMs - fromMs,
				),
				series: { startMs: fromMs, stepMs, calls, errors, p95Ms: slowest },
			},
		];
	});
	return { services: list, meta: meta(url, found.length * 31) };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function red(spans: readonly FixtureSpan[], calls: number, errors: number, rangeMs: number) {
	const sorted = spans.map((span) => span.durationNs / 1e6).sort((a, b) => a - b);
	const at = (quantile: number): number | null => sorted[Math.min(Math.floor(sorted.length * quantile), sorted.length - 1)] ?? null;
	return {
		calls,
		errors,
		callsPerSecond: calls / (rangeMs / 1000),
		errorRatio: calls === 0 ? 0 : errors / calls,
		p50Ms: at(0.5),
		p95Ms: at(0.95),
		p99Ms: at(0.99),
	};
}

function operations(url: URL, service: string, traces: readonly FixtureTrace[]): z.input<typeof OperationsResponse> {
	const { fromMs, toMs } = range(url);
	const groups = new Map<string, FixtureSpan[]>();
	for (const span of within(url, traces).flatMap((trace) => (trace.spans.length < 1000 ? trace.spans : []))) {
		if (span.service !== service) continue;
		const key = `${span.kind} ${span.name}`;
		groups.set(key, [...(groups.get(key) ?? []), span]);
	}
	const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
	const list = [...groups.values()].map((spans) => ({
		operation: spans[0]?.name ?? '',
		kind: kinds[spans[0]?.kind ?? 0] ?? 'unspecified',
		...red(spans, spans.length * CALLS_PER_TRACE, spans.filter((span) => span.status === 2).length * 3, toMs - fromMs),
	}));
	return { service, operations: list, meta: meta(url, 4200) };
}

function search(url: URL, traces: readonly FixtureTrace[]): z.input<typeof TraceSearchResponse> {
	const list = (key: string): string[] => url.searchParams.getAll(key);
	const query = TraceSearchQuery.parse({ ...Object.fromEntries(url.searchParams), attribute: list('attribute') });
	const attributes = list('attribute').map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] as const);
	const matches = (span: FixtureSpan): boolean =>
		(query.service === undefined || span.service === query.service) &&
		(query.operation === undefined || span.name === query.operation) &&
		(query.status === undefined || (span.status === 2) === (query.status === 'error')) &&
		attributes.every(([key, value]) => String(span.attributes[key]) === value);
	const found = within(url, traces)
		.filter((trace) => trace.spans.some(matches))
		.map(summaryOf)
		.filter(
			({ durationNs }) =>
				durationNs >= (query.minDurationMs ?? 0) * 1e6 && durationNs <= (query.maxDurationMs ?? Number.POSITIVE_INFINITY) * 1e6,
		)
		.sort((a, b) => (query.sort === 'duration' ? b.durationNs - a.durationNs : Number(BigInt(b.startNs) - BigInt(a.startNs))));
	const from = Number(query.cursor ?? 0);
	const page = found.slice(from, from + query.limit);
	return {
		traces: page,
		nextCursor: from + page.length < found.length ? String(from + page.length) : null,
		meta: meta(url, found.length * 40),
	};
}

function send(response: ServerResponse, code: number, body: unknown): void {
	const bytes = gzipSync(JSON.stringify(body), { level: 1 });
	response.writeHead(code, { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'gzip', 'cache-control': 'no-store' });
	response.end(bytes);
}

async function sendFile(response: ServerResponse, pathname: string): Promise<void> {
	const name = extname(pathname) === '' ? 'index.html' : normalize(pathname).replace(/^(\.\.[/\\])+/, '');
	try {
		const body = await readFile(join(UI_DIR, name));
		response.writeHead(200, {
			'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
			'content-security-policy': CONTENT_SECURITY_POLICY,
		});
		response.end(body);
	} catch {
		response.writeHead(404).end();
	}
}

if (import.meta.main) {
	const api = await startFixtureApi(Number(process.env['PORT'] ?? 4390));
	console.log(`ready ${api.url}`);
}
