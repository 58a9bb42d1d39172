/** One request through the shop's Go and Rust services is one coherent trace, soon after `ready`, with its logs. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Shop, startShop } from '../../examples/shop/shop.ts';
import type { LogsResponse, TraceResponse, TraceSearchResponse } from '../../src/api/contract.ts';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { quantile, spanRequest } from './sending.ts';

const built = existsSync(resolve(import.meta.dirname, '../../examples/shop/bin/gateway'));

interface JaegerSpan {
	readonly spanID: string;
	readonly operationName: string;
	readonly processID: string;
	readonly references: readonly { refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string }[];
	readonly tags: readonly { key: string; value: unknown }[];
}

interface JaegerTrace {
	readonly traceID: string;
	readonly spans: readonly JaegerSpan[];
	readonly processes: Readonly<Record<string, { serviceName: string; tags: readonly { key: string; value: unknown }[] }>>;
}

describe.skipIf(!built)('first light', () => {
	const folder = mkdtempSync(join(tmpdir(), 'first-light-'));
	let platform: Platform;
	let shop: Shop;
	let readyMs = 0;
	let checkout: JaegerTrace;

	const get = async <T>(path: string): Promise<T> => {
		const answer = await fetch(platform.apiUrl + path);
		if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
		return (await answer.json()) as T;
	};
	const service = (trace: JaegerTrace, span: JaegerSpan): string => trace.processes[span.processID]?.serviceName ?? '';
	const tag = (span: JaegerSpan, key: string): unknown => span.tags.find((one) => one.key === key)?.value;
	const language = (trace: JaegerTrace, span: JaegerSpan): unknown =>
		trace.processes[span.processID]?.tags.find(({ key }) => key === 'telemetry.sdk.language')?.value;
	const parentOf = (trace: JaegerTrace, span: JaegerSpan): JaegerSpan | undefined =>
		trace.spans.find(({ spanID }) => spanID === span.references.find(({ refType }) => refType === 'CHILD_OF')?.spanID);

	/** The whole checkout: the gateway's part, orders', inventory's, pricing's and, a moment later, the notifier's; batches arrive in any order. */
	async function findCheckout(withinMs: number): Promise<JaegerTrace> {
		const until = Date.now() + withinMs;
		let widest: string[] = [];
		while (Date.now() < until) {
			const found = await get<TraceSearchResponse>('/api/v1/traces?service=gateway&operation=POST%20%2Fcheckout&limit=50');
			for (const { traceId } of found.traces) {
				const trace = (await get<{ data: JaegerTrace[] }>(`/api/traces/${traceId}`)).data[0] as JaegerTrace;
				const services = [...new Set(trace.spans.map((span) => service(trace, span)))].toSorted();
				if (services.length > widest.length) widest = services;
				const whole = trace.spans.filter((span) => parentOf(trace, span) === undefined).length === 1;
				if (whole && ['gateway', 'orders', 'inventory', 'pricing', 'notifier'].every((name) => services.includes(name))) return trace;
			}
			await new Promise((settle) => setTimeout(settle, 500));
		}
		throw new Error(`no whole checkout within ${withinMs / 1000} s; the widest trace had ${widest.join(', ') || 'nothing'}`);
	}

	beforeAll(async () => {
		platform = await startPlatform({ dataDir: join(folder, 'data') });
		shop = await startShop({ otlpHttpUrl: platform.otlpHttpUrl, logDir: join(folder, 'logs') });
		await shop.load('steady', 10);
		readyMs = Date.now();
		checkout = await findCheckout(30_000);
	}, 180_000);

	afterAll(async () => {
		await shop?.stop();
		await platform?.stop();
		rmSync(folder, { recursive: true, force: true });
	});

	test('within 30 s a trace holds two Go and two Rust services and every kind of hop', () => {
		const languages = new Map(checkout.spans.map((span) => [service(checkout, span), language(checkout, span)]));
		const of = (wanted: string) => [...languages].filter(([, name]) => name === wanted).map(([name]) => name);
		console.log(
			`first whole checkout ${((Date.now() - readyMs) / 1000).toFixed(1)} s after ready: ${checkout.spans.length} spans, Go ${of('go').join(', ')}, Rust ${of('rust').join(', ')}`,
		);
		expect(of('go').length).toBeGreaterThanOrEqual(2);
		expect(of('rust').length).toBeGreaterThanOrEqual(2);
		for (const key of ['http.request.method', 'rpc.system.name', 'db.system.name', 'messaging.system'])
			expect(checkout.spans.filter((span) => tag(span, key) !== undefined).length, key).toBeGreaterThan(0);
	});

	test('parents are right across every hop: one root, no orphan, entries hang under the exit of another service', () => {
		expect(checkout.spans.filter((span) => parentOf(checkout, span) === undefined).map(({ operationName }) => operationName)).toEqual([
			'POST /checkout',
		]);
		for (const span of checkout.spans) {
			const parent = parentOf(checkout, span);
			const kind = tag(span, 'span.kind');
			if (parent === undefined || (kind !== 'server' && kind !== 'consumer')) continue;
			expect(tag(parent, 'span.kind'), `${service(checkout, span)} ${span.operationName}`).toBe(kind === 'server' ? 'client' : 'producer');
			expect(service(checkout, parent)).not.toBe(service(checkout, span));
		}
		const hops = new Set(
			checkout.spans.flatMap((span) => {
				const parent = parentOf(checkout, span);
				return parent !== undefined && service(checkout, parent) !== service(checkout, span)
					? [`${service(checkout, parent)}>${service(checkout, span)}`]
					: [];
			}),
		);
		for (const hop of ['gateway>pricing', 'gateway>orders', 'orders>inventory', 'orders>notifier']) expect(hops).toContain(hop);
	});

	test('detached work of both languages is linked, not parented', async () => {
		// Detached work ends after the response, so its spans come a batch later than those of the request.
		let linked: TraceResponse['linkedFrom'] = [];
		await expect
			.poll(
				async () => {
					const trace = await get<TraceResponse>(`/api/v1/traces/${checkout.traceID}`);
					linked = trace.linkedFrom.filter(({ traceId }) => traceId !== checkout.traceID);
					return linked.map((span) => span.service);
				},
				{ timeout: 10_000, interval: 200 },
			)
			.toEqual(expect.arrayContaining(['orders', 'gateway']));
		for (const { traceId, spanId } of linked) {
			const other = (await get<{ data: JaegerTrace[] }>(`/api/traces/${traceId}`)).data[0] as JaegerTrace;
			const span = other.spans.find(({ spanID }) => spanID === spanId) as JaegerSpan;
			expect(parentOf(other, span)).toBeUndefined();
			expect(span.references).toContainEqual(expect.objectContaining({ refType: 'FOLLOWS_FROM', traceID: checkout.traceID }));
		}
	});

	test('log lines of both languages are found by trace id, and each belongs to a span of it', async () => {
		await expect
			.poll(
				async () => {
					const { logs } = await get<LogsResponse>(`/api/v1/traces/${checkout.traceID}/logs`);
					const trace = (await get<{ data: JaegerTrace[] }>(`/api/traces/${checkout.traceID}`)).data[0] as JaegerTrace;
					const spans = new Set(trace.spans.map(({ spanID }) => spanID));
					return { services: logs.map((log) => log.service), strays: logs.filter((log) => !spans.has(log.spanId)) };
				},
				{ timeout: 20_000, interval: 200 },
			)
			.toEqual({ services: expect.arrayContaining(['gateway', 'orders', 'inventory', 'pricing']), strays: [] });
	});

	test('an acknowledged span is found within 2 s (p99) under this load', async () => {
		const waits: number[] = [];
		for (let probe = 0; probe < 60; probe++) {
			const { traceId, body } = spanRequest({ service: 'probe', spans: 1 });
			const sent = await fetch(`${platform.otlpHttpUrl}/v1/traces`, {
				method: 'POST',
				headers: { 'content-type': 'application/json' },
				body,
			});
			expect(sent.status).toBe(200);
			const acknowledgedMs = performance.now();
			while (!(await fetch(`${platform.apiUrl}/api/v1/traces/${traceId}`)).ok) {
				if (performance.now() - acknowledgedMs > 10_000) throw new Error('not found after 10 s');
				await new Promise((settle) => setTimeout(settle, 20));
			}
			waits.push(performance.now() - acknowledgedMs);
		}
		console.log(`searchable after: p50 ${quantile(waits, 0.5).toFixed(0)} ms, p99 ${quantile(waits, 0.99).toFixed(0)} ms`);
		expect(quantile(waits, 0.99)).toBeLessThan(2000);
	});
});
