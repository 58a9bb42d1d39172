/**
 * Zipkin v2 JSON as OTLP JSON, so that everything behind it (ids, limits, rejections) is OTLP's. A way in for meshes and old libraries,
 * not a data path: it makes objects.
 *
 * Mapping: the OpenTelemetry specification's "OpenTelemetry to Zipkin Transformation", read backwards, with today's attribute names.
 * `localEndpoint.serviceName` is the resource's `service.name`; tags are attributes, as text; `error` and `otel.status_code` are the
 * status, `otel.status_description` its message, `otel.scope.name` and `.version` (formerly `otel.library.*`) the scope; annotations are
 * events. A 64-bit trace id gets zeros in front. Source: zipkin-api `zipkin2-api.yaml`.
 */

import { Failure } from '../base/errors.ts';

type Json = Readonly<Record<string, unknown>>;

interface Attribute {
	readonly key: string;
	readonly value: { readonly stringValue: string } | { readonly intValue: number } | { readonly boolValue: boolean };
}

const KINDS: Readonly<Record<string, number>> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };
const INTERNAL = 1;
const STATUS: Readonly<Record<string, number>> = { OK: 1, ERROR: 2 };

/** Tags that become something else than an attribute. */
const STATUS_CODE = 'otel.status_code';
const STATUS_DESCRIPTION = 'otel.status_description';
const SCOPE_TAGS = ['otel.scope.name', 'otel.library.name'] as const;
const SCOPE_VERSION_TAGS = ['otel.scope.version', 'otel.library.version'] as const;

/**
 * `body`, a JSON list of Zipkin v2 spans, as an `ExportTraceServiceRequest` in OTLP JSON. A span without a timestamp begins at its first
 * annotation, or at `receivedMs`. Throws `Failure` `malformed`; a span with wrong ids is left to the decoder, which rejects it alone.
 */
export function zipkinToOtlpJson(body: Uint8Array, receivedMs: number): Uint8Array {
	const resources = new Map<string, Map<string, { name: string; version: string; spans: Json[] }>>();
	for (const span of parse(body)) {
		const service = text(object(span.localEndpoint).serviceName);
		const tags = object(span.tags);
		const [name, version] = [firstTag(tags, SCOPE_TAGS), firstTag(tags, SCOPE_VERSION_TAGS)];
		const scopes = resources.get(service) ?? new Map<string, { name: string; version: string; spans: Json[] }>();
		resources.set(service, scopes);
		const key = `${name}\n${version}`;
		const scope = scopes.get(key) ?? { name, version, spans: [] };
		scopes.set(key, scope);
		scope.spans.push(otlpSpan(span, tags, receivedMs));
	}
	const request = {
		resourceSpans: [...resources].map(([service, scopes]) => ({
			resource: { attributes: service === '' ? [] : [textAttribute('service.name', service)] },
			scopeSpans: [...scopes.values()].map(({ name, version, spans }) => ({ scope: { name, version }, spans })),
		})),
	};
	return new TextEncoder().encode(JSON.stringify(request));
}

function parse(body: Uint8Array): readonly Json[] {
	let content: unknown;
	try {
		content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
	} catch (cause) {
		throw new Failure('malformed', `the body is not JSON: ${(cause as Error).message.slice(0, 200)}`, { cause });
	}
	if (!Array.isArray(content)) throw new Failure('malformed', 'expected a list of Zipkin v2 spans');
	const wrong = content.findIndex((span) => typeof span !== 'object' || span === null || Array.isArray(span));
	if (wrong >= 0) throw new Failure('malformed', `element ${wrong} of the list is not a span`);
	return content as readonly Json[];
}

function otlpSpan(span: Json, tags: Json, receivedMs: number): Json {
	const annotations = (Array.isArray(span.annotations) ? span.annotations : []).map(object);
	const first = annotations.map((annotation) => micros(annotation.timestamp)).find((at) => at > 0n);
	const start = micros(span.timestamp) || first || BigInt(Math.floor(receivedMs)) * 1000n;
	return {
		traceId: text(span.traceId).padStart(32, '0'),
		spanId: text(span.id),
		parentSpanId: text(span.parentId),
		name: text(span.name),
		kind: KINDS[text(span.kind)] ?? INTERNAL,
		startTimeUnixNano: nanos(start),
		endTimeUnixNano: nanos(start + micros(span.duration)),
		attributes: [
			...attributesOf(tags),
			...endpoint(object(span.localEndpoint), 'local'),
			...endpoint(object(span.remoteEndpoint), 'peer'),
			...marks(span),
		],
		events: annotations.map(({ timestamp, value }) => ({ timeUnixNano: nanos(micros(timestamp) || start), name: text(value) })),
		status: statusOf(tags),
	};
}

function attributesOf(tags: Json): Attribute[] {
	const taken: readonly string[] = [STATUS_CODE, STATUS_DESCRIPTION, ...SCOPE_TAGS, ...SCOPE_VERSION_TAGS];
	return Object.entries(tags)
		.filter(([key]) => !taken.includes(key))
		.map(([key, value]) => textAttribute(key, text(value)));
}

function endpoint({ serviceName, ipv4, ipv6, port }: Json, side: 'local' | 'peer'): Attribute[] {
	const found: Attribute[] = [];
	if (side === 'peer' && text(serviceName) !== '') found.push(textAttribute('service.peer.name', text(serviceName)));
	const address = text(ipv4) || text(ipv6);
	if (address !== '') found.push(textAttribute(`network.${side}.address`, address));
	if (Number.isInteger(port) && (port as number) > 0) found.push({ key: `network.${side}.port`, value: { intValue: port as number } });
	return found;
}

/** What has no counterpart in OTLP is kept by its name. */
function marks(span: Json): Attribute[] {
	return ['shared', 'debug'].filter((name) => span[name] === true).map((name) => ({ key: `zipkin.${name}`, value: { boolValue: true } }));
}

/** Zipkin marks an error by the tag `error`, whatever its value, which often is the message. */
function statusOf(tags: Json): Json {
	const said = STATUS[text(tags[STATUS_CODE]).toUpperCase()];
	const error = tags.error === undefined || text(tags.error) === 'false' ? undefined : text(tags.error);
	const message = text(tags[STATUS_DESCRIPTION]) || (error === 'true' ? '' : (error ?? ''));
	const code = said ?? (error === undefined ? 0 : 2);
	return code === 2 ? { code, message } : { code };
}

function firstTag(tags: Json, names: readonly string[]): string {
	return names.map((name) => text(tags[name])).find((value) => value !== '') ?? '';
}

/** Microseconds since the epoch or of a duration; 0 where there are none that make sense. Some libraries send fractions. */
function micros(value: unknown): bigint {
	return typeof value === 'number' && value > 0 && value <= Number.MAX_SAFE_INTEGER ? BigInt(Math.round(value)) : 0n;
}

function nanos(value: bigint): string {
	return String(value * 1000n);
}

function textAttribute(key: string, value: string): Attribute {
	return { key, value: { stringValue: value } };
}

function text(value: unknown): string {
	if (typeof value === 'string') return value;
	return value === undefined || value === null ? '' : JSON.stringify(value);
}

function object(value: unknown): Json {
	return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
