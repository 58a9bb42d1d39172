/**
 * What can be made wrong in telemetry, and where. A mutation is applied in every place it fits, in what every scenario brought; each time a
 * verdict must become red.
 */

import { loadRegistry } from '../../tools/generate.ts';
import { canonical } from './canonical.ts';
import { againstEachOther, againstGolden, againstRegistry } from './judge.ts';
import type { Sent } from './receiver.ts';
import { KITS, type Result } from './suite.ts';

type Json = Record<string, unknown>;

interface Mutation {
	readonly name: string;
	/** The objects it can be applied to. */
	readonly places: (inbox: Sent) => Json[];
	readonly apply: (place: Json) => void;
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const scopesOf = (messages: readonly unknown[], groups: string, scopes: string): Json[] =>
	(messages as Json[]).flatMap((message) => list(message[groups])).flatMap((group) => list(group[scopes]));
const spanScopes = ({ traces }: Sent): Json[] => scopesOf(traces, 'resourceSpans', 'scopeSpans');
const spansOf = (inbox: Sent): Json[] => spanScopes(inbox).flatMap((scope) => list(scope['spans']));
/** Exports are cumulative: of a metric sent several times only the last is looked at. `own`: what the kit tells of itself. */
const metricsOf = ({ metrics }: Sent, own = false): Json[] => [
	...new Map(
		scopesOf(metrics, 'resourceMetrics', 'scopeMetrics')
			.filter(({ scope }) => ((scope as Json)['name'] === 'throughline/sdk') === own)
			.flatMap((scope) => list(scope['metrics']).map((one) => [one['name'], one])),
	).values(),
];
const resourcesOf = ({ traces, metrics, logs }: Sent): Json[] => [
	...(traces as Json[]).flatMap((message) => list(message['resourceSpans'])),
	...(metrics as Json[]).flatMap((message) => list(message['resourceMetrics'])),
	...(logs as Json[]).flatMap((message) => list(message['resourceLogs'])),
];
const linksOf = (inbox: Sent): Json[] => spansOf(inbox).flatMap((span) => list(span['links']));
const same = (a: unknown, b: unknown): boolean => Buffer.from((a ?? []) as Uint8Array).equals(Buffer.from((b ?? []) as Uint8Array));
const hasParent = (span: Json): boolean => ((span['parentSpanId'] as Uint8Array | undefined)?.length ?? 0) > 0;
const CALLERS_TRACE = Buffer.from('0af7651916cd43dd8448eb211c80319c', 'hex');
const logsOf = ({ logs }: Sent): Json[] => scopesOf(logs, 'resourceLogs', 'scopeLogs').flatMap((scope) => list(scope['logRecords']));
const dataOf = (metric: Json): Json =>
	(metric['histogram'] ?? metric['exponentialHistogram'] ?? metric['sum'] ?? metric['gauge'] ?? {}) as Json;
const pointsOf = (inbox: Sent): Json[] => metricsOf(inbox).flatMap((metric) => list(dataOf(metric)['dataPoints']));
const histogramPointsOf = (inbox: Sent): Json[] => pointsOf(inbox).filter((point) => point['bucketCounts']);
const attributesOf = (all: Json[]): Json[] => all.flatMap((one) => list(one['attributes']));
const drop = (all: Json[], field: string): Json[] => all.filter((one) => list(one[field]).length > 0);
const ID = Buffer.from('0102030405060708', 'hex');

const MUTATIONS: readonly Mutation[] = [
	{ name: 'an attribute of a span has another name', places: (inbox) => attributesOf(spansOf(inbox)), apply: (it) => (it['key'] += 's') },
	{
		name: 'an attribute of a span is gone',
		places: (inbox) => drop(spansOf(inbox), 'attributes'),
		apply: (it) => list(it['attributes']).pop(),
	},
	{
		name: 'an attribute of a span is there twice',
		places: (inbox) => drop(spansOf(inbox), 'attributes'),
		apply: (it) => list(it['attributes']).push({ ...list(it['attributes'])[0] }),
	},
	{
		name: 'an attribute of a span is of another type',
		places: (inbox) => attributesOf(spansOf(inbox)),
		apply: (it) => (it['value'] = { doubleValue: 1.5 }),
	},
	{
		name: 'a span has one attribute more',
		places: spansOf,
		apply: (it) => (it['attributes'] = [...list(it['attributes']), { key: 'x', value: { intValue: '1' } }]),
	},
	{ name: 'a span has another name', places: spansOf, apply: (it) => (it['name'] += ' ') },
	{ name: 'a span is of another kind', places: spansOf, apply: (it) => (it['kind'] = it['kind'] === 1 ? 2 : 1) },
	{
		name: 'a span has another status',
		places: spansOf,
		apply: (it) => (it['status'] = (it['status'] as Json | undefined)?.['code'] === 2 ? {} : { code: 2 }),
	},
	{ name: 'a span has another parent', places: spansOf, apply: (it) => (it['parentSpanId'] = ID) },
	{ name: 'a link is gone', places: (inbox) => drop(spansOf(inbox), 'links'), apply: (it) => list(it['links']).pop() },
	{
		name: 'a link leads elsewhere',
		places: linksOf,
		apply: (it) => (it['spanId'] = ID),
	},
	{ name: 'a span has an event', places: spansOf, apply: (it) => (it['events'] = [{ name: 'exception' }]) },
	{ name: 'a span ends before it starts', places: spansOf, apply: (it) => (it['endTimeUnixNano'] = '1') },
	{ name: 'a span is of another trace state', places: spansOf, apply: (it) => (it['traceState'] = 'ot=th:8') },
	{ name: 'a span dropped an attribute', places: spansOf, apply: (it) => (it['droppedAttributesCount'] = 1) },
	{ name: 'a span is gone', places: (inbox) => drop(spanScopes(inbox), 'spans'), apply: (it) => list(it['spans']).pop() },
	{
		name: 'a span is there twice',
		places: (inbox) => drop(spanScopes(inbox), 'spans'),
		apply: (it) => list(it['spans']).push({ ...list(it['spans'])[0] }),
	},
	{
		name: 'a scope has another name',
		places: (inbox) => spanScopes(inbox).map((one) => one['scope'] as Json),
		apply: (it) => (it['name'] += 's'),
	},
	{
		name: 'a scope has another contract',
		places: (inbox) => spanScopes(inbox).map((one) => one['scope'] as Json),
		apply: (it) => (it['attributes'] = []),
	},
	{
		name: 'a scope has another version',
		places: (inbox) => spanScopes(inbox).map((one) => one['scope'] as Json),
		apply: (it) => (it['version'] = '0'),
	},
	{ name: 'a scope has another schema', places: spanScopes, apply: (it) => (it['schemaUrl'] = 'https://opentelemetry.io/schemas/1.0.0') },
	{ name: 'a metric has another name', places: (inbox) => metricsOf(inbox), apply: (it) => (it['name'] += 's') },
	{ name: 'a metric has another unit', places: (inbox) => metricsOf(inbox), apply: (it) => (it['unit'] = 'ms') },
	{ name: 'a metric has another description', places: (inbox) => metricsOf(inbox), apply: (it) => (it['description'] = '') },
	{
		name: 'a histogram is of the other kind',
		places: (inbox) => metricsOf(inbox).filter((metric) => metric['exponentialHistogram']),
		apply: (it) => {
			it['histogram'] = it['exponentialHistogram'];
			delete it['exponentialHistogram'];
		},
	},
	{
		name: 'an exponential bucket holds one more',
		places: (inbox) => pointsOf(inbox).filter((point) => point['positive']),
		apply: (it) => {
			const counts = (it['positive'] as Json)['bucketCounts'] as string[];
			counts[0] = String(Number(counts[0]) + 1);
		},
	},
	{
		name: 'a histogram has other buckets',
		places: (inbox) =>
			metricsOf(inbox).flatMap((metric) =>
				list(dataOf(metric)['dataPoints'])
					.filter((point) => point['explicitBounds'])
					.slice(0, 1),
			),
		apply: (it) => (it['explicitBounds'] as number[]).pop(),
	},
	{
		name: 'a metric is not cumulative',
		places: (inbox) =>
			metricsOf(inbox)
				.map(dataOf)
				.filter((data) => data['aggregationTemporality']),
		apply: (it) => (it['aggregationTemporality'] = 1),
	},
	{
		name: 'a data point counts one more',
		places: pointsOf,
		apply: (it) => {
			const field = it['count'] === undefined ? 'asInt' : 'count';
			it[field] = String(Number(it[field] ?? 0) + 1);
		},
	},
	{
		name: 'an attribute of a data point has another name',
		places: (inbox) => attributesOf(pointsOf(inbox)),
		apply: (it) => (it['key'] += 's'),
	},
	{
		name: 'a data point is gone',
		places: (inbox) => drop(metricsOf(inbox).map(dataOf), 'dataPoints'),
		apply: (it) => list(it['dataPoints']).pop(),
	},
	{
		name: 'an exemplar is of another span',
		places: (inbox) => pointsOf(inbox).flatMap((point) => list(point['exemplars'])),
		apply: (it) => (it['spanId'] = ID),
	},
	{ name: 'a log record is of another event', places: logsOf, apply: (it) => (it['eventName'] += 's') },
	{
		name: 'a log record is less severe',
		places: logsOf,
		apply: (it) => (it['severityText'] = it['severityText'] === 'INFO' ? 'DEBUG' : 'INFO'),
	},
	{ name: 'a log record is of another span', places: logsOf, apply: (it) => (it['spanId'] = ID) },
	{ name: 'a log record has another body', places: logsOf, apply: (it) => (it['body'] = { stringValue: '' }) },
	{
		name: 'the resource has one attribute less',
		places: (inbox) => resourcesOf(inbox).map((group) => group['resource'] as Json),
		apply: (it) => list(it['attributes']).pop(),
	},
	{
		name: 'the resource is of another service',
		places: (inbox) =>
			attributesOf(resourcesOf(inbox).map((group) => group['resource'] as Json)).filter(({ key }) => key === 'service.name'),
		apply: (it) => (it['value'] = { stringValue: 'other' }),
	},
	{
		name: 'the resource has another schema',
		places: resourcesOf,
		apply: (it) => (it['schemaUrl'] = 'https://opentelemetry.io/schemas/1.0.0'),
	},
	{ name: 'a span has other flags', places: spansOf, apply: (it) => (it['flags'] = Number(it['flags'] ?? 0) ^ 2) },
	{
		name: 'a span has no trace state',
		places: (inbox) => spansOf(inbox).filter((span) => span['traceState']),
		apply: (it) => (it['traceState'] = ''),
	},
	{
		name: 'an error has no description, or one it should not have',
		places: (inbox) => spansOf(inbox).filter((span) => (span['status'] as Json | undefined)?.['code'] === 2),
		apply: (it) => (it['status'] = (it['status'] as Json)['message'] ? { code: 2 } : { code: 2, message: 'else' }),
	},
	{
		name: 'a span without an error has a description',
		places: (inbox) => spansOf(inbox).filter((span) => (span['status'] as Json | undefined)?.['code'] !== 2),
		apply: (it) => (it['status'] = { message: 'fine' }),
	},
	{
		name: 'a root is of the trace of another span',
		places: (inbox) => spansOf(inbox).filter((span) => !hasParent(span)),
		apply: (it) => (it['traceId'] = CALLERS_TRACE),
	},
	{
		name: 'a child starts before its parent',
		places: (inbox) => spansOf(inbox).filter((span) => spansOf(inbox).some((parent) => same(parent['spanId'], span['parentSpanId']))),
		apply: (it) => (it['startTimeUnixNano'] = '1'),
	},
	{
		name: 'an attribute of a span is empty',
		places: (inbox) => attributesOf(spansOf(inbox)),
		apply: (it) => (it['value'] = {}),
	},
	{
		name: 'a span is on another port',
		places: (inbox) => {
			const ports = attributesOf(spansOf(inbox)).filter(({ key }) => key === 'server.port');
			return ports.length > 1 ? ports : [];
		},
		apply: (it) => (it['value'] = { intValue: '7' }),
	},
	{
		name: 'a record is at another offset',
		places: (inbox) => {
			const offsets = attributesOf(spansOf(inbox)).filter(({ key }) => key === 'messaging.kafka.offset');
			return offsets.length > 1 ? offsets : [];
		},
		apply: (it) => (it['value'] = { intValue: '7000' }),
	},
	{ name: 'a link has an attribute', places: linksOf, apply: (it) => (it['attributes'] = [{ key: 'x', value: { intValue: '1' } }]) },
	{ name: 'a link has other flags', places: linksOf, apply: (it) => (it['flags'] = Number(it['flags'] ?? 0) ^ 1) },
	{ name: 'a log record has another severity number', places: logsOf, apply: (it) => (it['severityNumber'] = 1) },
	{ name: 'a log record has other flags', places: logsOf, apply: (it) => (it['flags'] = Number(it['flags'] ?? 0) ^ 1) },
	{ name: 'nobody knows when a log record was observed', places: logsOf, apply: (it) => (it['observedTimeUnixNano'] = '0') },
	{
		name: 'a number is a double',
		places: (inbox) => pointsOf(inbox).filter((point) => point['asInt'] !== undefined),
		apply: (it) => {
			it['asDouble'] = Number(it['asInt']);
			delete it['asInt'];
		},
	},
	{ name: 'a data point ends before it starts', places: pointsOf, apply: (it) => (it['startTimeUnixNano'] = '9999999999999999999') },
	{ name: 'a histogram adds up to more than it can', places: histogramPointsOf, apply: (it) => (it['sum'] = 1e9) },
	{ name: 'a histogram has no greatest value', places: histogramPointsOf, apply: (it) => delete it['max'] },
	{
		name: 'a bucket holds one more',
		places: histogramPointsOf,
		apply: (it) => {
			const buckets = it['bucketCounts'] as string[];
			buckets[0] = String(Number(buckets[0]) + 1);
		},
	},
	{
		name: 'an exemplar has no time',
		places: (inbox) => pointsOf(inbox).flatMap((point) => list(point['exemplars'])),
		apply: (it) => (it['timeUnixNano'] = '0'),
	},
	{
		name: 'what the kit tells of itself has another unit',
		places: (inbox) => metricsOf(inbox, true),
		apply: (it) => (it['unit'] = 'ms'),
	},
];

export interface Outcome {
	readonly tried: number;
	readonly survived: readonly string[];
}

const REGISTRY = loadRegistry();

const sentOf = ({ traces, metrics, logs, problems }: Sent): Sent => ({ traces, metrics, logs, problems });

/**
 * Applies every mutation to what every scenario brought, in at most so many places each; answers how many there were and which nobody
 * noticed.
 */
export function mutateTelemetry(results: readonly Result[], placesMax: number, tell: (line: string) => void): Outcome {
	let tried = 0;
	const survived: string[] = [];
	for (const mutation of MUTATIONS) {
		const before = tried;
		for (const { scenario, inboxes, telemetry } of results)
			for (const kit of KITS)
				for (let at = 0; at < Math.min(mutation.places(inboxes[kit]).length, placesMax); at++) {
					tried++;
					const mutated = structuredClone(sentOf(inboxes[kit]));
					mutation.apply(mutation.places(mutated)[at] as Json);
					const got = { ...canonical(mutated), lines: telemetry[kit].lines };
					const alone = [...againstGolden(got, scenario), ...againstRegistry(got, REGISTRY)];
					const together = kit === 'go' ? againstEachOther(got, telemetry.rust, scenario) : againstEachOther(telemetry.go, got, scenario);
					if (alone.length + together.length === 0) survived.push(`${mutation.name} (${scenario.id}, ${kit}, place ${at})`);
				}
		tell(`${tried > before ? 'ok  ' : 'FAIL'} ${mutation.name}: ${tried - before} places`);
		if (tried === before) survived.push(`${mutation.name}: there is no place for it in any scenario`);
	}
	return { tried, survived };
}
