/**
 * The traffic the decode benchmark is run on: made up, but shaped like a fleet's. Everything comes from one seed.
 *
 * A span is of an operation; an operation belongs to a service and fixes name, kind and which attributes it sends (11 of a pool of 97,
 * two of them ints, one a double or bool). Traces have ten spans; one span in twenty has failed and carries an exception event; one in
 * fifty links to another trace. Requests are batches of one service's spans, as the SDKs' batch processor sends them.
 */

import { encodeRequest } from '../../test/otlp/reference.ts';

const SERVICES = 12;
const OPERATIONS_PER_SERVICE = 8;
const KEYS = 97;
const ATTRIBUTES = 11;
const SPANS_PER_TRACE = 10;
const START_NS = 1_700_000_000_000_000_000n;

type Random = () => number;

/** mulberry32 */
export function seeded(seed: number): Random {
	let state = seed;
	return () => {
		state = (state + 0x6d2b_79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

interface Operation {
	readonly name: string;
	readonly kind: number;
	readonly keys: readonly number[];
}

const KEY_NAMES = Array.from(
	{ length: KEYS },
	(_, i) => `${['http.request', 'db.query', 'rpc.server', 'app.order', 'net.peer'][i % 5]}.field_${i}`,
);
const WORDS = ['checkout', 'basket', 'GET', 'postgresql', 'eu-west-1', 'application/json', 'customer', 'SELECT', 'retry', 'warm'];

/** `count` requests of `spansPerRequest` spans, protobuf-encoded. */
export function traceRequests(count: number, spansPerRequest: number, seed: number): Uint8Array[] {
	const random = seeded(seed);
	const below = (n: number) => Math.floor(random() * n);
	const operations = Array.from({ length: SERVICES }, (_, service) =>
		Array.from(
			{ length: OPERATIONS_PER_SERVICE },
			(__, i): Operation => ({
				name: `${['GET', 'POST', 'query', 'publish'][i % 4]} /service-${service}/operation-${i}`,
				kind: 1 + (i % 5),
				keys: pick(below, ATTRIBUTES, KEYS),
			}),
		),
	);
	const bytes = (n: number) => Uint8Array.from({ length: n }, () => below(256));
	let traceId = bytes(16);
	let root = bytes(8);
	let made = 0;
	const span = (operation: Operation) => {
		const first = made++ % SPANS_PER_TRACE === 0;
		if (first) {
			traceId = bytes(16);
			root = bytes(8);
		}
		const start = START_NS + BigInt(made) * 100_000n;
		const failed = random() < 0.05;
		return {
			traceId,
			spanId: first ? root : bytes(8),
			...(first ? {} : { parentSpanId: root }),
			name: operation.name,
			kind: operation.kind,
			startTimeUnixNano: String(start),
			endTimeUnixNano: String(start + BigInt(below(50_000_000))),
			attributes: operation.keys.map((key, i) => ({ key: KEY_NAMES[key], value: attributeValue(i, below, random) })),
			flags: 0x101,
			...(failed && {
				status: { code: 2, message: 'deadline exceeded' },
				events: [
					{
						timeUnixNano: String(start + 1000n),
						name: 'exception',
						attributes: [
							{ key: 'exception.type', value: { stringValue: 'TimeoutError' } },
							{ key: 'exception.message', value: { stringValue: `no answer from ${WORDS[below(WORDS.length)]} within 250 ms` } },
						],
					},
				],
			}),
			...(random() < 0.02 && {
				links: [{ traceId: bytes(16), spanId: bytes(8), attributes: [{ key: 'link.kind', value: { stringValue: 'batch' } }] }],
			}),
		};
	};
	return Array.from({ length: count }, (_, i) => {
		const service = i % SERVICES;
		const own = operations[service] as readonly Operation[];
		const spans = Array.from({ length: spansPerRequest }, () => span(own[below(own.length)] as Operation));
		return encodeRequest('traces', {
			resourceSpans: [
				{ resource: { attributes: resourceAttributes(service) }, scopeSpans: [{ scope: { name: 'bench', version: '1.0.0' }, spans }] },
			],
		});
	});
}

function attributeValue(position: number, below: (n: number) => number, random: Random): object {
	if (position === 3) return { intValue: String(below(600)) };
	if (position === 6) return { intValue: String(below(2 ** 31)) };
	if (position === 8) return random() < 0.5 ? { doubleValue: below(1000) / 8 } : { boolValue: random() < 0.5 };
	if (position === 9) return { stringValue: below(2 ** 31).toString(36) + below(2 ** 31).toString(36) };
	return { stringValue: `${WORDS[below(WORDS.length)]}-${below(1000)}` };
}

function resourceAttributes(service: number): object[] {
	const texts = {
		'service.name': `service-${service}`,
		'service.version': '1.4.2',
		'service.instance.id': `pod-${service}-7f9c`,
		'deployment.environment.name': 'production',
		'telemetry.sdk.language': service % 2 === 0 ? 'go' : 'rust',
		'k8s.pod.name': `service-${service}-7f9c-x2x4v`,
		'k8s.namespace.name': 'shop',
	};
	return Object.entries(texts).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

/** `count` different numbers below `limit`. */
function pick(below: (n: number) => number, count: number, limit: number): number[] {
	const picked = new Set<number>();
	while (picked.size < count) picked.add(below(limit));
	return [...picked];
}
