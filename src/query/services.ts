/** Rate, errors and latency from the per-minute rollup: services with their series, and the operations of one service. */

import type { Plan } from './plan.ts';
import type { Steps } from './time-range.ts';

/** SERVER and CONSUMER: where work enters a service. */
const ENTRY_KINDS = '(2, 5)';
const MINUTES = `minute >= toDateTime({start:UInt32}, 'UTC') AND minute < toDateTime({end:UInt32}, 'UTC')`;

export interface ServiceRow {
	readonly service: string;
	/** '' when unknown. */
	readonly language: string;
}

/** Every service with a span of any kind in the steps, by name. */
export function servicesPlan(steps: Steps): Plan<ServiceRow> {
	return {
		sql: `SELECT toString(service_name) AS service, max(r.language) AS language
FROM service_rollup_1m AS r
WHERE ${MINUTES}
GROUP BY service
ORDER BY service`,
		params: minutesOf(steps.startMs, endOf(steps)),
	};
}

export interface ServiceStepRow {
	readonly service: string;
	/** 1: entry spans (SERVER, CONSUMER); 2: root spans of other kinds. */
	readonly role: 1 | 2;
	/** Index into the series. */
	readonly step: number;
	readonly calls: number;
	readonly errors: number;
	/** Bucket -> spans, see store/schema/latency.ts. */
	readonly latency: Readonly<Record<string, number | string>>;
}

/** One row for each service, role and step with calls. Adding up histograms is what costs, so spans of neither role are left out. */
export function serviceStepsPlan(steps: Steps): Plan<ServiceStepRow> {
	return {
		sql: `SELECT
  toString(service_name) AS service,
  if(kind IN ${ENTRY_KINDS}, 1, 2) AS role,
  intDiv(toUnixTimestamp(minute) - {start:UInt32}, {step:UInt32}) AS step,
  toFloat64(sum(r.calls)) AS calls,
  toFloat64(sum(r.errors)) AS errors,
  sumMap(r.latency) AS latency
FROM service_rollup_1m AS r
WHERE ${MINUTES}
  AND (kind IN ${ENTRY_KINDS} OR is_root = 1)
GROUP BY service, role, step
ORDER BY service, role, step`,
		params: { ...minutesOf(steps.startMs, endOf(steps)), step: steps.stepMs / 1_000 },
	};
}

export interface OperationRow {
	readonly operation: string;
	readonly kind: number;
	readonly calls: number;
	readonly errors: number;
	readonly latency: Readonly<Record<string, number | string>>;
}

export const OPERATIONS_MAX = 1_000;

/** Busiest first; at most one more than the limit. The range is whole minutes. */
export function operationsPlan(service: string, startMs: number, endMs: number): Plan<OperationRow> {
	return {
		sql: `SELECT
  toString(r.name) AS operation,
  r.kind AS kind,
  toFloat64(sum(r.calls)) AS calls,
  toFloat64(sum(r.errors)) AS errors,
  sumMap(r.latency) AS latency
FROM span_rollup_1m AS r
WHERE ${MINUTES}
  AND service_name = {service:String}
GROUP BY r.name, r.kind
ORDER BY calls DESC, operation, kind
LIMIT {limit:UInt32}`,
		params: { service, limit: OPERATIONS_MAX + 1, ...minutesOf(startMs, endMs) },
	};
}

/** Every service ever stored, by name. */
export function serviceNamesPlan(): Plan<{ readonly service: string }> {
	return { sql: 'SELECT DISTINCT toString(service_name) AS service FROM service_rollup_1m ORDER BY service', params: {} };
}

/** Every operation of a service with its kinds, by name; `kind` narrows to one OTLP kind. */
export function operationNamesPlan(service: string, kind?: number): Plan<{ readonly operation: string; readonly kind: number }> {
	return {
		sql: `SELECT DISTINCT toString(name) AS operation, toInt32(r.kind) AS kind
FROM span_rollup_1m AS r
WHERE service_name = {service:String}${kind === undefined ? '' : ' AND r.kind = {kind:Int32}'}
ORDER BY operation, kind`,
		params: kind === undefined ? { service } : { service, kind },
	};
}

function endOf({ startMs, stepMs, count }: Steps): number {
	return startMs + stepMs * count;
}

function minutesOf(startMs: number, endMs: number): { start: number; end: number } {
	return { start: Math.floor(startMs / 1_000), end: Math.ceil(endMs / 1_000) };
}
