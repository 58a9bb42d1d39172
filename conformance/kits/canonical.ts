/**
 * What a kit sent for one scenario, in a form that is the same whenever the telemetry is: ids become places in the list of spans, ports
 * and the names of a language's types become stand-ins, times are gone. `spec/scenarios/edges.json` says it in words.
 */

import type { Inbox, Message } from './receiver.ts';

/** The scope of what a kit tells of itself, which depends on the moment. */
const SELF = 'throughline/sdk';

export interface Telemetry {
	readonly spans: readonly Span[];
	readonly metrics: readonly Point[];
	readonly logs: readonly LogRecord[];
	/** Resource attributes, once for each distinct resource. */
	readonly resources: readonly Attributes[];
	/** By name: what each scope says of itself. */
	readonly scopes: Readonly<Record<string, Scope>>;
	/** By name: what holds for a metric wherever it appears. */
	readonly definitions: Readonly<Record<string, Definition>>;
	/** What is wrong whatever the scenario: times, ids, duplicates. */
	readonly problems: readonly string[];
}

export type Attributes = Readonly<Record<string, unknown>>;

export interface Span {
	readonly scope: string;
	readonly name: string;
	readonly kind: string;
	/** Absent for a root; a place in the list, or `remote` for the caller of the scenario. */
	readonly parent?: Place;
	readonly links?: readonly Place[];
	readonly events?: readonly string[];
	readonly status?: string;
	readonly trace_state?: string;
	readonly attributes: Attributes;
}

export interface Point {
	readonly name: string;
	readonly attributes: Attributes;
	readonly count?: number;
	readonly value?: number;
	/** The span that was measured, or `any` of several. What goes up and down is about no span. */
	readonly exemplar?: Place;
}

export interface LogRecord {
	readonly scope: string;
	readonly event: string;
	readonly severity: string;
	readonly body: unknown;
	readonly attributes: Attributes;
	readonly span?: Place;
}

export interface Scope {
	readonly version: string;
	readonly schema_url: string;
	readonly attributes: Attributes;
}

export interface Definition {
	readonly scope: string;
	readonly kind: string;
	readonly unit: string;
	readonly description: string;
	readonly buckets?: readonly number[];
}

type Place = number | string;

/** The caller every scenario's request names in its traceparent. */
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const CUMULATIVE = 2;

interface Found {
	readonly scope: string;
	readonly span: Message;
	readonly traceId: string;
	readonly spanId: string;
}

export function canonical(inbox: Inbox): Telemetry {
	const problems = [...inbox.problems];
	const scopes: Record<string, Scope> = {};
	const resources = new Map<string, Attributes>();
	const walk = (
		messages: readonly Message[],
		groups: string,
		inner: string,
		items: string,
		see: (item: Message, scope: string) => void,
	) => {
		for (const group of messages.flatMap((message) => list(message[groups]))) {
			const resource = attributesOf(object(group['resource'])['attributes'], problems);
			resources.set(JSON.stringify(resource), resource);
			for (const scoped of list(group[inner])) {
				const scope = object(scoped['scope']);
				if (text(scope['name']) === SELF) continue;
				const said: Scope = {
					version: text(scope['version']),
					schema_url: text(scoped['schemaUrl']),
					attributes: attributesOf(scope['attributes'], problems),
				};
				const name = text(scope['name']);
				if (scopes[name] !== undefined && JSON.stringify(scopes[name]) !== JSON.stringify(said))
					problems.push(`scope ${name} says different things of itself`);
				scopes[name] = said;
				for (const item of list(scoped[items])) see(item, name);
			}
		}
	};
	const found: Found[] = [];
	walk(inbox.traces, 'resourceSpans', 'scopeSpans', 'spans', (span, scope) =>
		found.push({ scope, span, traceId: hex(span['traceId']), spanId: hex(span['spanId']) }),
	);
	found.sort((a, b) => Number(nanos(a.span['startTimeUnixNano']) - nanos(b.span['startTimeUnixNano'])));
	if (new Set(found.map(({ spanId }) => spanId)).size < found.length) problems.push('a span was sent twice');
	const logs: LogRecord[] = [];
	walk(inbox.logs, 'resourceLogs', 'scopeLogs', 'logRecords', (record, scope) => logs.push(canonicalLog(record, scope, found, problems)));
	// Exports are cumulative: the last state of a metric is the whole of it.
	const metrics = new Map<string, { points: Point[]; definition: Definition }>();
	walk(inbox.metrics, 'resourceMetrics', 'scopeMetrics', 'metrics', (metric, scope) =>
		metrics.set(text(metric['name']), canonicalMetric(metric, scope, found, problems)),
	);
	return {
		spans: found.map((each) => canonicalSpan(each, found, problems)),
		metrics: [...metrics.values()].flatMap(({ points }) => points).sort((a, b) => compare(pointKey(a), pointKey(b))),
		logs,
		resources: [...resources.values()],
		scopes,
		definitions: Object.fromEntries([...metrics].map(([name, { definition }]) => [name, definition])),
		problems,
	};
}

function canonicalSpan({ scope, span, traceId, spanId }: Found, all: readonly Found[], problems: string[]): Span {
	const name = text(span['name']);
	if (!/^(?!0+$)[0-9a-f]{32}$/.test(traceId) || !/^(?!0+$)[0-9a-f]{16}$/.test(spanId))
		problems.push(`span '${name}' has the ids ${traceId} ${spanId}`);
	if (nanos(span['endTimeUnixNano']) < nanos(span['startTimeUnixNano'])) problems.push(`span '${name}' ends before it starts`);
	for (const count of ['droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'])
		if (Number(span[count] ?? 0) !== 0) problems.push(`span '${name}' has ${count} ${span[count]}`);
	const parent = hex(span['parentSpanId']);
	const links = list(span['links']).map((link) => place(all, hex(link['spanId']), hex(link['traceId'])));
	const events = list(span['events']).map((event) => text(event['name']));
	const { code = 0, message = '' } = object(span['status']) as { code?: number; message?: string };
	// What a kit that keeps everything writes into traces of its own goes without saying.
	const traceState = traceId === CALLER.traceId ? text(span['traceState']) : text(span['traceState']).replace(/^ot=th:0$/, '');
	return {
		scope,
		name,
		kind: KINDS[Number(span['kind'] ?? 0)] ?? 'unknown',
		...(parent === '' ? {} : { parent: place(all, parent, traceId) }),
		...(links.length === 0 ? {} : { links }),
		...(events.length === 0 ? {} : { events }),
		...(code === 0 ? {} : { status: code === 1 ? 'ok' : message === '' ? 'error' : `error: ${message}` }),
		...(traceState === '' ? {} : { trace_state: traceState }),
		attributes: attributesOf(span['attributes'], problems),
	};
}

function place(all: readonly Found[], spanId: string, traceId: string): Place {
	const at = all.findIndex((one) => one.spanId === spanId);
	if (at >= 0) return all[at]?.traceId === traceId ? at : 'of another trace';
	return spanId === CALLER.spanId && traceId === CALLER.traceId ? 'remote' : 'of nobody';
}

function canonicalLog(record: Message, scope: string, spans: readonly Found[], problems: string[]): LogRecord {
	// Go tells the stack of a panic, Rust has none after the fact.
	const { 'exception.stacktrace': _, ...attributes } = attributesOf(record['attributes'], problems);
	const spanId = hex(record['spanId']);
	return {
		scope,
		event: text(record['eventName']),
		severity: text(record['severityText']),
		body: valueOf(object(record['body'])),
		attributes,
		...(spanId === '' ? {} : { span: place(spans, spanId, hex(record['traceId'])) }),
	};
}

function canonicalMetric(
	metric: Message,
	scope: string,
	spans: readonly Found[],
	problems: string[],
): { points: Point[]; definition: Definition } {
	const name = text(metric['name']);
	const [kind = 'empty'] = ['histogram', 'sum', 'gauge', 'exponentialHistogram', 'summary'].filter((one) => metric[one] !== undefined);
	const data = object(metric[kind]);
	const points = list(data['dataPoints']);
	if (kind !== 'gauge' && Number(data['aggregationTemporality'] ?? 0) !== CUMULATIVE) problems.push(`${name} is not cumulative`);
	const buckets = list(points[0]?.['explicitBounds'] as unknown) as unknown as number[];
	const sum = kind === 'sum' ? (data['isMonotonic'] === true ? 'counter' : 'updowncounter') : kind;
	return {
		definition: {
			scope,
			kind: sum,
			unit: text(metric['unit']),
			description: text(metric['description']),
			...(kind === 'histogram' ? { buckets } : {}),
		},
		points: points.map((point) => ({
			name,
			attributes: attributesOf(point['attributes'], problems),
			...(point['count'] === undefined ? { value: Number(point['asInt'] ?? point['asDouble'] ?? 0) } : { count: Number(point['count']) }),
			...exemplar(name, point, sum === 'updowncounter', spans, problems),
		})),
	};
}

/** What goes up and down is about no span: Go names one all the same, which must be one there is. */
function exemplar(name: string, point: Message, upAndDown: boolean, spans: readonly Found[], problems: string[]): { exemplar?: Place } {
	const places = list(point['exemplars']).map((one) => place(spans, hex(one['spanId']), hex(one['traceId'])));
	const lost = places.find((at) => typeof at !== 'number');
	if (lost !== undefined) problems.push(`an exemplar of ${name} is ${lost}`);
	const [first] = places;
	if (first === undefined || upAndDown) return {};
	return { exemplar: lost ?? (Number(point['count'] ?? point['asInt']) > 1 ? 'any' : first) };
}

// The values error.type may have in every language: a status, a SQLSTATE, or one of the kits' own words.
const SHARED_ERROR_TYPE =
	/^([0-9]{3}|[0-9A-Z]{5}|[A-Z_]+|timeout|canceled|connection_refused|connection_reset|host_not_found|broken_response|panic)$/;

/** Sorted by key, stand-ins put in; a key that is there twice is a problem. */
function attributesOf(value: unknown, problems: string[]): Attributes {
	const found = new Map<string, unknown>();
	for (const pair of list(value)) {
		const key = text(pair['key']);
		if (found.has(key)) problems.push(`attribute ${key} is there twice`);
		found.set(key, standIn(key, valueOf(object(pair['value']))));
	}
	return Object.fromEntries([...found].sort(([a], [b]) => compare(a, b)));
}

function standIn(key: string, value: unknown): unknown {
	if (key === 'server.port' && typeof value === 'number' && value > 0) return '<port>';
	if (key === 'messaging.kafka.offset' && typeof value === 'number' && value >= 0) return '<offset>';
	if (typeof value !== 'string') return value;
	if (key === 'url.full') return value.replace(/^(http:\/\/127\.0\.0\.1):[0-9]+/, '$1:<port>');
	if (key === 'error.type' && !SHARED_ERROR_TYPE.test(value)) return '<type>';
	return value;
}

/** Doubles and bytes are told apart from integers and strings, which JSON alone would not do. */
function valueOf(value: Message): unknown {
	if (value['stringValue'] !== undefined) return value['stringValue'];
	if (value['boolValue'] !== undefined) return value['boolValue'];
	if (value['intValue'] !== undefined) return Number(value['intValue']);
	if (value['doubleValue'] !== undefined) return { double: value['doubleValue'] };
	if (value['bytesValue'] !== undefined) return { bytes: hex(value['bytesValue']) };
	if (value['arrayValue'] !== undefined) return list(object(value['arrayValue'])['values']).map(valueOf);
	if (value['kvlistValue'] !== undefined) return attributesOf(object(value['kvlistValue'])['values'], []);
	return '';
}

const list = (value: unknown): Message[] => (Array.isArray(value) ? (value as Message[]) : []);
const object = (value: unknown): Message => (typeof value === 'object' && value !== null ? (value as Message) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const hex = (value: unknown): string => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : '');
const nanos = (value: unknown): bigint => BigInt(text(value) || 0);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const pointKey = ({ name, attributes }: Point): string => `${name}\n${JSON.stringify(attributes)}`;
