/** The traces of the fixture API: a checkout with everything that can go wrong, a population to search in, and one of 20 000 spans. */

import type { LogRecord } from '../../src/api/contract.ts';
import { type FixtureSpan, type FixtureTrace, random, spanIdOf, traceIdOf } from './fixture-data.ts';

export const CHECKOUT_ID = traceIdOf('checkout');
export const LARGE_ID = traceIdOf('large');
export const LARGE_SPANS = 20_000;
export const WORKER_ID = traceIdOf('worker batch');
const US = 1000;

interface Line {
	readonly id: string;
	readonly parent: string;
	readonly service: string;
	readonly name: string;
	readonly kind: number;
	/** Microseconds. */
	readonly start: number;
	readonly duration: number;
	readonly error?: string;
	readonly attributes?: FixtureSpan['attributes'];
	readonly events?: FixtureSpan['events'];
	readonly links?: FixtureSpan['links'];
}

function span(line: Line): FixtureSpan {
	return {
		spanId: spanIdOf(line.id),
		parentSpanId: line.parent === '' ? '' : spanIdOf(line.parent),
		service: line.service,
		name: line.name,
		kind: line.kind,
		status: line.error === undefined ? 0 : 2,
		statusMessage: line.error ?? '',
		startOffsetNs: line.start * US,
		durationNs: line.duration * US,
		attributes: line.attributes ?? { 'code.function.name': line.name },
		events: line.events ?? [],
		links: line.links ?? [],
	};
}

const HTTP_SERVER = {
	'http.request.method': 'POST',
	'http.route': '/checkout',
	'http.response.status_code': 201,
	'url.path': '/checkout',
	'url.scheme': 'http',
	'server.address': '127.0.0.1',
	'server.port': 8080,
	'client.address': '127.0.0.1',
	'user_agent.original': 'loadgen/1.0 (+https://throughline.dev)',
	'network.protocol.version': '1.1',
	'enduser.pseudo.id': 'c-1042',
	'throughline.route.owner': 'team-checkout',
};
const rpc = (method: string) => ({
	'rpc.system': 'grpc',
	'rpc.service': `shop.v1.${method.split('.')[0]}`,
	'rpc.method': method.split('.')[1] ?? '',
	'rpc.grpc.status_code': 0,
	'server.address': '127.0.0.1',
});
const sql = (text: string) => ({
	'db.system.name': 'postgresql',
	'db.namespace': 'shop',
	'db.query.text': text,
	'db.operation.name': text.split(' ')[0] ?? '',
	'db.response.returned_rows': 1,
});

/** Some forty spans over six services, with an error, a panic, retries, detached work, clock skew and a missing parent. */
export function checkout(startMs: number): FixtureTrace {
	const spans = [...checkoutCore(), ...checkoutNotifications(), ...checkoutDetached()];
	const at = (us: number): string => String(BigInt(startMs) * 1_000_000n + 123_456n + BigInt(us * US));
	const log = (
		us: number,
		service: string,
		spanId: string,
		severityNumber: number,
		body: string,
		attributes: Record<string, string> = {},
	): LogRecord => ({
		timeNs: at(us),
		service,
		severityNumber,
		severityText: severityNumber >= 17 ? 'ERROR' : severityNumber >= 13 ? 'WARN' : 'INFO',
		eventName: '',
		body,
		traceId: CHECKOUT_ID,
		spanId: spanId === '' ? '' : spanIdOf(spanId),
		attributes: Object.entries(attributes).map(([key, value]) => ({ key, type: 'string' as const, value })),
	});
	const logs = [
		log(220, 'gateway', 'root', 9, 'checkout received', { customer: 'c-1042', items: '3' }),
		log(4100, 'pricing', 'quote', 9, 'quoted 3 items', { total_cents: '12970', discount_cents: '1300' }),
		log(14_900, 'orders', 'order', 9, 'order accepted', { order_id: 'o-88213' }),
		log(26_000, 'inventory', 'reserve', 13, 'stock of sku-007 is low', { sku: 'sku-007', available: '2' }),
		log(61_000, 'orders', 'insert', 9, 'order stored'),
		log(92_000, 'notifier', 'mail1', 17, 'mail API answered 503, trying again', { attempt: '1' }),
		log(118_000, 'notifier', 'mail2', 17, 'mail API answered 503, trying again', { attempt: '2' }),
		log(149_000, 'notifier', 'mail3', 9, 'mail sent', { attempt: '3' }),
		log(70_500, 'gateway', '', 9, 'access', { path: '/checkout', status: '201' }),
	].toSorted((a, b) => (a.timeNs < b.timeNs ? -1 : 1));
	return {
		traceId: CHECKOUT_ID,
		startMs,
		spans,
		logs,
		linkedFrom: [
			{
				traceId: WORKER_ID,
				spanId: spanIdOf('batch'),
				service: 'worker',
				name: 'process inventory.reserved',
				linkedSpanId: spanIdOf('publish-reserved'),
			},
		],
	};
}

function checkoutCore(): FixtureSpan[] {
	return [
		span({
			id: 'root',
			parent: '',
			service: 'gateway',
			name: 'POST /checkout',
			kind: 2,
			start: 0,
			duration: 71_200,
			attributes: HTTP_SERVER,
		}),
		span({ id: 'validate', parent: 'root', service: 'gateway', name: 'validate basket', kind: 1, start: 300, duration: 820 }),
		span({
			id: 'quote-client',
			parent: 'root',
			service: 'gateway',
			name: 'shop.v1.Pricing/Quote',
			kind: 3,
			start: 1400,
			duration: 9200,
			attributes: rpc('Pricing.Quote'),
		}),
		span({
			id: 'quote',
			parent: 'quote-client',
			service: 'pricing',
			name: 'shop.v1.Pricing/Quote',
			kind: 2,
			start: 1200,
			duration: 8300,
			attributes: rpc('Pricing.Quote'),
		}),
		span({
			id: 'discount',
			parent: 'quote',
			service: 'pricing',
			name: 'compute discounts',
			kind: 1,
			start: 2100,
			duration: 5900,
			attributes: { 'thread.name': 'blocking-3', 'pricing.rules': 42 },
		}),
		...Array.from({ length: 5 }, (_, rule) =>
			span({
				id: `rule-${rule}`,
				parent: 'discount',
				service: 'pricing',
				name: `rule ${['volume', 'loyalty', 'coupon', 'bundle', 'season'][rule]}`,
				kind: 1,
				start: 2300 + rule * 1050,
				duration: 900 + rule * 40,
			}),
		),
		span({
			id: 'orders-client',
			parent: 'root',
			service: 'gateway',
			name: 'POST /orders',
			kind: 3,
			start: 11_000,
			duration: 58_600,
			attributes: { 'http.request.method': 'POST', 'url.full': 'http://127.0.0.1:8081/orders', 'http.response.status_code': 201 },
		}),
		span({
			id: 'order',
			parent: 'orders-client',
			service: 'orders',
			name: 'POST /orders',
			kind: 2,
			start: 11_900,
			duration: 56_800,
			attributes: { ...HTTP_SERVER, 'http.route': '/orders' },
		}),
		span({
			id: 'reserve-client',
			parent: 'order',
			service: 'orders',
			name: 'shop.v1.Inventory/Reserve',
			kind: 3,
			start: 15_200,
			duration: 31_000,
			attributes: rpc('Inventory.Reserve'),
		}),
		span({
			id: 'reserve',
			parent: 'reserve-client',
			service: 'inventory',
			name: 'shop.v1.Inventory/Reserve',
			kind: 2,
			start: 16_300,
			duration: 28_900,
			attributes: rpc('Inventory.Reserve'),
		}),
		span({ id: 'tx', parent: 'reserve', service: 'inventory', name: 'transaction', kind: 1, start: 17_000, duration: 24_200 }),
		...Array.from({ length: 3 }, (_, item) => [
			span({
				id: `select-${item}`,
				parent: 'tx',
				service: 'inventory',
				name: 'SELECT stock',
				kind: 3,
				start: 17_300 + item * 7600,
				duration: 3400,
				attributes: sql(`SELECT available FROM stock WHERE sku = $1 FOR UPDATE`),
			}),
			span({
				id: `update-${item}`,
				parent: 'tx',
				service: 'inventory',
				name: 'UPDATE stock',
				kind: 3,
				start: 21_000 + item * 7600,
				duration: 3100,
				attributes: sql(`UPDATE stock SET available = available - $1 WHERE sku = $2`),
			}),
		]).flat(),
		span({
			id: 'commit',
			parent: 'tx',
			service: 'inventory',
			name: 'COMMIT',
			kind: 3,
			start: 39_900,
			duration: 1200,
			attributes: sql('COMMIT'),
		}),
		span({
			id: 'publish-reserved',
			parent: 'reserve',
			service: 'inventory',
			name: 'publish inventory.reserved',
			kind: 4,
			start: 42_000,
			duration: 1900,
			attributes: { 'messaging.system': 'nats', 'messaging.destination.name': 'inventory.reserved' },
		}),
		span({
			id: 'insert',
			parent: 'order',
			service: 'orders',
			name: 'INSERT orders',
			kind: 3,
			start: 47_300,
			duration: 14_800,
			attributes: sql('INSERT INTO orders (id, customer, total_cents) VALUES ($1, $2, $3)'),
		}),
		span({
			id: 'publish-created',
			parent: 'order',
			service: 'orders',
			name: 'publish orders.created',
			kind: 4,
			start: 63_000,
			duration: 2100,
			attributes: { 'messaging.system': 'nats', 'messaging.destination.name': 'orders.created' },
		}),
		span({ id: 'encode', parent: 'root', service: 'gateway', name: 'encode response', kind: 1, start: 69_800, duration: 900 }),
	];
}

function checkoutNotifications(): FixtureSpan[] {
	const retry = (attempt: number, start: number, duration: number, error?: string): FixtureSpan =>
		span({
			id: `mail${attempt}`,
			parent: 'send',
			service: 'notifier',
			name: 'POST /send',
			kind: 3,
			start,
			duration,
			...(error === undefined ? {} : { error }),
			attributes: {
				'http.request.method': 'POST',
				'url.full': 'http://127.0.0.1:8084/send',
				'http.response.status_code': error === undefined ? 200 : 503,
				'http.request.resend_count': attempt - 1,
				'error.type': error === undefined ? '' : '503',
			},
			events:
				error === undefined
					? []
					: [
							{
								name: 'exception',
								offsetNs: (duration - 400) * US,
								attributes: {
									'exception.type': '*mail.UnavailableError',
									'exception.message': 'mail API: 503 Service Unavailable',
									'exception.stacktrace': 'mail.(*Client).Send\n\tmail/client.go:71\nmain.(*notifier).deliver\n\tnotifier/deliver.go:38',
								},
							},
						],
		});
	return [
		span({
			id: 'process-created',
			parent: 'publish-created',
			service: 'notifier',
			name: 'process orders.created',
			kind: 5,
			start: 78_400,
			duration: 74_000,
			attributes: { 'messaging.system': 'nats', 'messaging.destination.name': 'orders.created', 'messaging.operation.type': 'process' },
		}),
		span({ id: 'render', parent: 'process-created', service: 'notifier', name: 'render mail', kind: 1, start: 79_000, duration: 4100 }),
		span({
			id: 'send',
			parent: 'process-created',
			service: 'notifier',
			name: 'deliver mail',
			kind: 1,
			start: 83_600,
			duration: 67_900,
			events: [
				{ name: 'retry', offsetNs: 10_200 * US, attributes: { attempt: '2', delay_ms: '12' } },
				{ name: 'retry', offsetNs: 37_000 * US, attributes: { attempt: '3', delay_ms: '24' } },
			],
		}),
		retry(1, 84_000, 8700, '503 Service Unavailable'),
		retry(2, 105_200, 13_400, '503 Service Unavailable'),
		retry(3, 143_000, 6900),
	];
}

function checkoutDetached(): FixtureSpan[] {
	return [
		span({ id: 'recommend', parent: 'root', service: 'gateway', name: 'update recommendations', kind: 1, start: 70_900, duration: 42_000 }),
		span({ id: 'warm', parent: 'recommend', service: 'gateway', name: 'GET model', kind: 1, start: 72_000, duration: 9000 }),
		span({
			id: 'orphan-1',
			parent: 'never sent',
			service: 'worker',
			name: 'restock check',
			kind: 1,
			start: 52_000,
			duration: 12_000,
			links: [{ traceId: WORKER_ID, spanId: spanIdOf('batch') }],
		}),
		span({
			id: 'orphan-2',
			parent: 'never sent',
			service: 'worker',
			name: 'ListStock',
			kind: 3,
			start: 55_000,
			duration: 21_000,
			error: 'deadline exceeded',
			attributes: rpc('Inventory.ListStock'),
		}),
	];
}

export function workerBatch(startMs: number): FixtureTrace {
	return {
		traceId: WORKER_ID,
		startMs,
		spans: [
			span({
				id: 'batch',
				parent: '',
				service: 'worker',
				name: 'process inventory.reserved',
				kind: 5,
				start: 0,
				duration: 8200,
				links: [{ traceId: CHECKOUT_ID, spanId: spanIdOf('publish-reserved') }],
			}),
			span({
				id: 'list',
				parent: 'batch',
				service: 'worker',
				name: 'shop.v1.Inventory/ListStock',
				kind: 3,
				start: 400,
				duration: 6900,
				attributes: rpc('Inventory.ListStock'),
			}),
		],
		logs: [],
		linkedFrom: [],
	};
}

/** A random tree: fan-out and depth of a real batch job, one error in two hundred. */
export function large(startMs: number): FixtureTrace {
	const next = random(7);
	const services = ['gateway', 'orders', 'inventory', 'pricing', 'worker', 'notifier'];
	const spans: FixtureSpan[] = [
		span({ id: 'l0', parent: '', service: 'worker', name: 'nightly reconciliation', kind: 1, start: 0, duration: 60_000_000 }),
	];
	for (let index = 1; index < LARGE_SPANS; index++) {
		// A dozen stages under the root, batches under them, then bushes a few levels deep.
		const parentIndex =
			index <= 12 ? 0 : index <= 400 ? 1 + Math.floor(next() * 12) : Math.floor(13 + next() * (next() < 0.7 ? 388 : index - 14));
		const parent = spans[parentIndex] as FixtureSpan;
		const start = index <= 12 ? (index - 1) * 4.9e9 + 2e8 : parent.startOffsetNs + parent.durationNs * next() * 0.9;
		const room = parent.startOffsetNs + parent.durationNs - start;
		spans.push({
			...span({
				id: `l${index}`,
				parent: '',
				service: services[(fnvIndex(index) + parentIndex) % services.length] as string,
				name: ['SELECT ledger', 'GET /orders/{id}', 'reconcile', 'publish ledger.fixed', 'check totals'][index % 5] as string,
				kind: 1 + (index % 3),
				start: 0,
				duration: 0,
			}),
			parentSpanId: parent.spanId,
			status: next() < 0.005 ? 2 : 0,
			startOffsetNs: Math.round(start),
			durationNs: Math.max(Math.round(index <= 12 ? 4.6e9 : room * (0.02 + next() ** 3 * 0.6)), 20_000),
		});
	}
	return { traceId: LARGE_ID, startMs, spans, logs: [], linkedFrom: [] };
}

function fnvIndex(index: number): number {
	return (index * 2_654_435_761) >>> 28;
}

const ROUTES = [
	{ name: 'POST /checkout', weight: 0.55, ms: 70, services: ['gateway', 'pricing', 'orders', 'inventory', 'notifier'], spans: 36 },
	{ name: 'GET /products', weight: 0.8, ms: 9, services: ['gateway', 'inventory'], spans: 9 },
	{ name: 'GET /orders/{id}', weight: 0.95, ms: 5, services: ['gateway', 'orders'], spans: 6 },
	{ name: 'process inventory.reserved', weight: 1, ms: 12, services: ['worker', 'inventory'], spans: 8 },
] as const;

/** `count` small traces spread over a quarter of an hour before `nowMs`, newest first. */
export function population(count: number, nowMs: number): FixtureTrace[] {
	const next = random(42);
	const traces: FixtureTrace[] = [];
	for (let index = 0; index < count; index++) {
		const pick = next();
		const route = ROUTES.find(({ weight }) => pick < weight) ?? ROUTES[0];
		const durationUs = Math.round(route.ms * 1000 * Math.exp((next() + next() + next() - 1.5) * 1.1) * (next() < 0.03 ? 9 : 1));
		const failed = next() < 0.06;
		const startMs = Math.floor(nowMs - ((index + next()) / count) * 870_000);
		traces.push(small(`p${index}`, startMs, route, durationUs, failed));
	}
	return traces;
}

const ENTRY: Readonly<Record<string, string>> = {
	pricing: 'shop.v1.Pricing/Quote',
	orders: 'POST /orders',
	inventory: 'shop.v1.Inventory/Reserve',
	notifier: 'process orders.created',
};
const STEPS = ['validate', 'SELECT stock', 'UPDATE stock', 'encode', 'INSERT orders', 'authorise', 'COMMIT'];

/** The last span fails and takes its ancestors with it. */
function fails(index: number, spans: number): boolean {
	for (let at = spans - 1; at >= 0; at = at === 0 ? -1 : Math.floor((at - 1) / 2)) if (at === index) return true;
	return false;
}

function small(id: string, startMs: number, route: (typeof ROUTES)[number], durationUs: number, failed: boolean): FixtureTrace {
	const spans: FixtureSpan[] = [];
	for (let index = 0; index < route.spans; index++) {
		const share = index / route.spans;
		const service = route.services[index % route.services.length] as string;
		spans.push(
			span({
				id: `${id}-${index}`,
				parent: index === 0 ? '' : `${id}-${Math.floor((index - 1) / 2)}`,
				service,
				name:
					index === 0 ? route.name : index < route.services.length ? (ENTRY[service] ?? 'handle') : (STEPS[index % STEPS.length] as string),
				kind: index < route.services.length ? (service === 'notifier' || route.services[0] === 'worker' ? 5 : 2) : index % 3 === 0 ? 3 : 1,
				start: Math.round(durationUs * share * 0.8),
				duration: Math.max(Math.round(durationUs * (1 - share) * 0.9), 20),
				...(failed && fails(index, route.spans) ? { error: index === 0 ? 'upstream failed' : 'deadline exceeded' } : {}),
				attributes: { 'http.route': route.name.split(' ')[1] ?? '', 'shop.region': index % 2 === 0 ? 'eu-1' : 'us-2' },
			}),
		);
	}
	const root = spans[0] as FixtureSpan;
	return {
		traceId: traceIdOf(id),
		startMs,
		spans: [{ ...root, startOffsetNs: 0, durationNs: durationUs * US }, ...spans.slice(1)],
		logs: [],
		linkedFrom: [],
	};
}
