/**
 * What a kit sent for one scenario, in a form that is the same whenever the telemetry is. `spec/scenarios/edges.json` says it in words.
 *
 * What is left out, each for its reason:
 * - ids are random: they become places in the list of spans;
 * - times differ: their order is kept, a child does not begin before its parent, nothing ends before it begins;
 * - what was measured differs: counts and sums of histograms must fit their buckets, least and most;
 * - the batches and their order, which are the moment's: what was sent last of a metric is the whole of it;
 * - values of what the kit tells of itself (scope `throughline/sdk`), which are the moment's, but where a scenario says what they are: names,
 *   units and attributes are kept;
 * - the trace state of links, which the Go SDK's exporter leaves out;
 * - the attributes in `STAND_INS` (values.ts), and those of the resource in `OF_ONE_PROCESS` (judge.ts).
 */

import { canonicalMetric, type Definition, type Point, pointKey } from './canonical-metrics.ts';
import type { Message, Sent } from './receiver.ts';
import { type Attributes, attributesOf, compare, hex, list, Numbers, nanos, object, shapeOf, text, valueOf } from './values.ts';

/** The scope of what a kit tells of itself. */
const SELF = 'throughline/sdk';

export interface Telemetry {
	readonly spans: readonly Span[];
	readonly metrics: readonly Point[];
	readonly logs: readonly LogRecord[];
	/** The lines of the log, with stand-ins for the time and the ids of traces and spans. */
	readonly lines: readonly string[];
	/** Resource attributes, once for each distinct resource. */
	readonly resources: readonly Attributes[];
	/** By name: what each scope says of itself. */
	readonly scopes: Readonly<Record<string, Scope>>;
	/** By name: what holds for a metric wherever it appears. */
	readonly definitions: Readonly<Record<string, Definition>>;
	/** What the kit tells of itself. */
	readonly self: { readonly definitions: Readonly<Record<string, Definition>>; readonly points: readonly Point[] };
	/** What no scenario spells out, for the comparison of the kits: flags, severity numbers, which fields are set. */
	readonly fine: {
		readonly spans: readonly object[];
		readonly logs: readonly object[];
		readonly metrics: object;
		readonly resources: readonly string[];
	};
	/** What is wrong whatever the scenario: times, ids, duplicates. */
	readonly problems: readonly string[];
}

export interface Span {
	readonly scope: string;
	readonly name: string;
	readonly kind: string;
	/** Absent for a root; a place in the list, or `remote` for the caller of the scenario. */
	readonly parent?: Place;
	readonly links?: readonly Place[];
	readonly events?: readonly string[];
	readonly status?: string;
	/** Absent when it is what goes without saying: `ot=th:0` in a trace of the kit's own, none in the caller's. */
	readonly trace_state?: string;
	readonly attributes: Attributes;
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

export type Place = number | string;

/** The caller every scenario's request names in its traceparent. */
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const DROPPED = ['droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'];

interface Found {
	readonly scope: string;
	readonly span: Message;
	readonly traceId: string;
	readonly spanId: string;
}

interface Seen {
	readonly problems: string[];
	readonly numbers: Numbers;
	readonly spans: Found[];
}

export function canonical(inbox: Sent, lines: readonly string[] = []): Telemetry {
	const seen: Seen = { problems: [...inbox.problems], numbers: new Numbers(), spans: [] };
	const envelopes = new Envelopes(seen);
	envelopes.open(inbox.traces, 'resourceSpans', 'scopeSpans', 'spans', (span, scope) =>
		seen.spans.push({ scope, span, traceId: hex(span['traceId']), spanId: hex(span['spanId']) }),
	);
	seen.spans.sort((a, b) => Number(nanos(a.span['startTimeUnixNano']) - nanos(b.span['startTimeUnixNano'])));
	if (new Set(seen.spans.map(({ spanId }) => spanId)).size < seen.spans.length) seen.problems.push('a span was sent twice');
	seen.problems.push(...sharedTraces(seen.spans));
	const spans = seen.spans.map((each) => canonicalSpan(each, seen));
	const logs: LogRecord[] = [];
	const fineLogs: object[] = [];
	envelopes.open(inbox.logs, 'resourceLogs', 'scopeLogs', 'logRecords', (record, scope) => {
		logs.push(canonicalLog(record, scope, seen));
		fineLogs.push({ severity: Number(record['severityNumber'] ?? 0), flags: Number(record['flags'] ?? 0), fields: shapeOf(record) });
	});
	// Exports are cumulative: the last state of a metric is the whole of it.
	const last = new Map<string, { metric: Message; scope: string }>();
	envelopes.open(inbox.metrics, 'resourceMetrics', 'scopeMetrics', 'metrics', (metric, scope) => {
		const name = text(metric['name']);
		const before = last.get(name)?.scope ?? scope;
		if (before !== scope) seen.problems.push(`${name} is of two scopes, ${before} and ${scope}`);
		last.set(name, { metric, scope });
	});
	const placeOf = (spanId: string, traceId: string): Place => place(seen.spans, spanId, traceId);
	const metrics = [...last].map(
		([name, { metric, scope }]) => [name, canonicalMetric(metric, scope, placeOf, seen.numbers, seen.problems)] as const,
	);
	const own = metrics.filter(([, { definition }]) => definition.scope === SELF);
	const others = metrics.filter(([, { definition }]) => definition.scope !== SELF);
	const pointsOf = (of: typeof own): Point[] => of.flatMap(([, { points }]) => points).sort((a, b) => compare(pointKey(a), pointKey(b)));
	const definitionsOf = (of: typeof own): Record<string, Definition> =>
		Object.fromEntries(of.map(([name, { definition }]) => [name, definition]));
	return {
		spans,
		metrics: pointsOf(others),
		logs,
		lines: lines.map((line) => canonicalLine(line, seen.spans)),
		resources: envelopes.resources,
		scopes: envelopes.scopes,
		definitions: definitionsOf(others),
		self: {
			definitions: definitionsOf(own),
			points: pointsOf(own),
		},
		fine: {
			spans: seen.spans.map(fineSpan),
			logs: fineLogs,
			metrics: Object.fromEntries(others.map(([name, { fine }]) => [name, fine])),
			resources: envelopes.shapes,
		},
		problems: seen.problems,
	};
}

/** Resources and scopes, which stand around everything of any signal. */
class Envelopes {
	readonly #seen: Seen;
	readonly #resources = new Map<string, Attributes>();
	readonly #shapes = new Set<string>();
	readonly scopes: Record<string, Scope> = {};

	constructor(seen: Seen) {
		this.#seen = seen;
	}

	get resources(): readonly Attributes[] {
		return [...this.#resources.values()];
	}

	/** What stands beside the attributes of a resource, its schema URL for one. */
	get shapes(): readonly string[] {
		return [...this.#shapes];
	}

	open(messages: readonly Message[], groups: string, inner: string, items: string, see: (item: Message, scope: string) => void): void {
		const { numbers, problems } = this.#seen;
		for (const group of messages.flatMap((message) => list(message[groups]))) {
			const resource = attributesOf(object(group['resource'])['attributes'], numbers, problems);
			this.#resources.set(JSON.stringify(resource), resource);
			this.#shapes.add(`${text(group['schemaUrl'])} ${shapeOf(object(group['resource']))}`);
			for (const scoped of list(group[inner])) {
				const scope = object(scoped['scope']);
				const name = text(scope['name']);
				const said: Scope = {
					version: text(scope['version']),
					schema_url: text(scoped['schemaUrl']),
					attributes: attributesOf(scope['attributes'], numbers, problems),
				};
				if (Number(scope['droppedAttributesCount'] ?? 0) !== 0) problems.push(`scope ${name} dropped attributes`);
				if (this.scopes[name] !== undefined && JSON.stringify(this.scopes[name]) !== JSON.stringify(said))
					problems.push(`scope ${name} says different things of itself`);
				this.scopes[name] = said;
				for (const item of list(scoped[items])) see(item, name);
			}
		}
	}
}

/** A root begins a trace, so no two are of one, and none is of the caller's. */
function sharedTraces(spans: readonly Found[]): string[] {
	const roots = spans.filter(({ span }) => hex(span['parentSpanId']) === '').map(({ traceId }) => traceId);
	return [
		...(new Set(roots).size < roots.length ? ['two roots are of one trace'] : []),
		...(roots.includes(CALLER.traceId) ? ["a root is of the caller's trace"] : []),
	];
}

function canonicalSpan({ scope, span, traceId, spanId }: Found, { spans, numbers, problems }: Seen): Span {
	const name = text(span['name']);
	if (!/^(?!0+$)[0-9a-f]{32}$/.test(traceId) || !/^(?!0+$)[0-9a-f]{16}$/.test(spanId))
		problems.push(`span '${name}' has the ids ${traceId} ${spanId}`);
	if (nanos(span['endTimeUnixNano']) < nanos(span['startTimeUnixNano'])) problems.push(`span '${name}' ends before it starts`);
	for (const count of DROPPED) if (Number(span[count] ?? 0) !== 0) problems.push(`span '${name}' has ${count} ${span[count]}`);
	const parentId = hex(span['parentSpanId']);
	const parent = place(spans, parentId, traceId);
	// The list is in order of start, so a parent in it stands before its children.
	if (typeof parent === 'number' && parent >= spans.findIndex((each) => each.spanId === spanId))
		problems.push(`span '${name}' starts before its parent`);
	const links = list(span['links']).map((link) => {
		if (shapeOf(link).includes('ttributes')) problems.push(`a link of span '${name}' has attributes`);
		return place(spans, hex(link['spanId']), hex(link['traceId']));
	});
	const events = list(span['events']).map((event) => text(event['name']));
	const { code = 0, message = '' } = object(span['status']) as { code?: number; message?: string };
	if (code !== 2 && message !== '') problems.push(`span '${name}' has a status description and is no error`);
	const traceState = text(span['traceState']);
	return {
		scope,
		name,
		kind: KINDS[Number(span['kind'] ?? 0)] ?? 'unknown',
		...(parentId === '' ? {} : { parent }),
		...(links.length === 0 ? {} : { links }),
		...(events.length === 0 ? {} : { events }),
		...(code === 0 ? {} : { status: code === 1 ? 'ok' : message === '' ? 'error' : `error: ${message}` }),
		...(traceState === (traceId === CALLER.traceId ? '' : 'ot=th:0') ? {} : { trace_state: traceState }),
		attributes: attributesOf(span['attributes'], numbers, problems),
	};
}

/** Flags say whether a span is sampled, its id random, its parent remote. */
function fineSpan({ span }: Found): object {
	const { attributes: _, ...others } = span;
	// The Go SDK's exporter leaves the trace state of a link out.
	const links = list(span['links']).map(({ traceState: _, ...link }) => ({ flags: Number(link['flags'] ?? 0), fields: shapeOf(link) }));
	return { flags: Number(span['flags'] ?? 0), fields: shapeOf(others), ...(links.length === 0 ? {} : { links }) };
}

function place(all: readonly Found[], spanId: string, traceId: string): Place {
	const at = all.findIndex((one) => one.spanId === spanId);
	if (at >= 0) return all[at]?.traceId === traceId ? at : 'of another trace';
	return spanId === CALLER.spanId && traceId === CALLER.traceId ? 'remote' : 'of nobody';
}

/** Byte by byte, but for what no two runs share; ids become places as they do elsewhere. */
function canonicalLine(line: string, spans: readonly Found[]): string {
	return line
		.replace(/^\{"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"/, '{"ts":"<time>"')
		.replace(
			/"trace_id":"([0-9a-f]{32})","span_id":"([0-9a-f]{16})"/,
			(_, traceId: string, spanId: string) => `"span":"<${place(spans, spanId, traceId)}>"`,
		);
}

function canonicalLog(record: Message, scope: string, { spans, numbers, problems }: Seen): LogRecord {
	const event = text(record['eventName']);
	if (nanos(record['observedTimeUnixNano']) === 0n) problems.push(`log record '${event}' has no time it was observed at`);
	if (nanos(record['timeUnixNano']) > nanos(record['observedTimeUnixNano']))
		problems.push(`log record '${event}' was observed before it was`);
	if (Number(record['droppedAttributesCount'] ?? 0) !== 0) problems.push(`log record '${event}' dropped attributes`);
	const [spanId, traceId] = [hex(record['spanId']), hex(record['traceId'])];
	return {
		scope,
		event,
		severity: text(record['severityText']),
		body: valueOf(object(record['body']), problems),
		attributes: attributesOf(record['attributes'], numbers, problems),
		...(spanId === '' && traceId === '' ? {} : { span: place(spans, spanId, traceId) }),
	};
}
