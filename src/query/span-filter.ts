/** What one span of a trace must satisfy, all together, and how the engine is asked for it. */

import type { AttributeFilter } from './attribute-filter.ts';
import { type Clause, int64 } from './plan.ts';

export interface SpanFilter {
	readonly service?: string | undefined;
	readonly operation?: string | undefined;
	/** error: the span's status is Error; ok: it is not. */
	readonly status?: 'ok' | 'error' | undefined;
	/** OTLP span kind, 0 to 5. */
	readonly kind?: number | undefined;
	/** The span's own duration. */
	readonly minSpanDurationNs?: number | undefined;
	readonly maxSpanDurationNs?: number | undefined;
	readonly attributes?: readonly AttributeFilter[] | undefined;
}

export function isEmptyFilter(filter: SpanFilter): boolean {
	return Object.values(filter).every((value) => value === undefined || (Array.isArray(value) && value.length === 0));
}

const STATUS_ERROR = 2;

/** Bounds the spans looked at; every clause with span conditions sets both parameters (nanoseconds since the epoch). */
export const SPAN_RANGE =
	'start_time >= fromUnixTimestamp64Nano({spansFrom:Int64}) AND start_time <= fromUnixTimestamp64Nano({spansTo:Int64})';

/** Adds the conditions over columns of `spans` to the clause, cheapest first. */
export function addSpanConditions(clause: Clause, filter: SpanFilter): void {
	const { conditions, params } = clause;
	if (filter.service !== undefined) {
		conditions.push('service_name = {service:String}');
		params.service = filter.service;
	}
	if (filter.operation !== undefined) {
		conditions.push('name = {operation:String}');
		params.operation = filter.operation;
	}
	if (filter.status !== undefined)
		conditions.push(filter.status === 'error' ? `status_code = ${STATUS_ERROR}` : `status_code != ${STATUS_ERROR}`);
	if (filter.kind !== undefined) {
		conditions.push('kind = {kind:Int32}');
		params.kind = filter.kind;
	}
	if (filter.minSpanDurationNs !== undefined) {
		conditions.push('duration_ns >= {minSpanDuration:Int64}');
		params.minSpanDuration = int64(Math.ceil(filter.minSpanDurationNs));
	}
	if (filter.maxSpanDurationNs !== undefined) {
		conditions.push('duration_ns <= {maxSpanDuration:Int64}');
		params.maxSpanDuration = int64(filter.maxSpanDurationNs);
	}
	for (const [index, attribute] of (filter.attributes ?? []).entries()) addAttribute(clause, attribute, index);
}

/**
 * On the span or on its resource. A map answers '' for a key it does not hold, so a search for the empty text must ask for the key.
 *
 * The resource's texts are few, but JSON functions do not run on a dictionary: 370 ms over 3 M rows. So the distinct texts of the
 * range are looked at once and rows compared with those that match, 40 ms. The LIMIT only keeps the engine from moving the JSON
 * condition below the DISTINCT, which would bring the cost back. `{spansFrom}` and `{spansTo}` are the caller's span range.
 */
function addAttribute({ conditions, params }: Clause, { key, value }: AttributeFilter, index: number): void {
	const k = `{key${index}:String}`;
	const v = `{value${index}:String}`;
	params[`key${index}`] = key;
	params[`value${index}`] = value;
	const onSpan = value === '' ? `attributes[${k}] = '' AND mapContains(attributes, ${k})` : `attributes[${k}] = ${v}`;
	const inResource = `JSONExtractString(resource, 'attributes', ${k}) = ${v}${value === '' ? ` AND JSONHas(resource, 'attributes', ${k})` : ''}`;
	conditions.push(`(${onSpan} OR resource IN (
    SELECT toString(resource)
    FROM (SELECT DISTINCT resource FROM spans WHERE ${SPAN_RANGE} LIMIT 10000000)
    WHERE ${inResource}
  ))`);
}
