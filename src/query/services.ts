/** Rate, errors and latency from the per-minute rollup: services with their series, and the operations of one service. */

import type { Plan } from './plan.ts';
import type { Steps } from './time-range.ts';

/** SERVER and CONSUMER: where work enters a service. */
const ENTRY_KINDS = '(2, 5)';

export interface ServiceStepRow {
	readonly service: string;
	/** 1: entry spans (SERVER, CONSUMER); 2: root spans of other kinds; 0: neither. */
	readonly role: 0 | 1 | 2;
	/** Index into the series. */
	readonly step: number;
	readonly calls: number;
	readonly errors: number;
	/** Bucket -> spans, see store/schema/latency.ts. */
	readonly latency: Readonly<Record<string, number | string>>;
	readonly language: string;
}

/** One row for each service, role and step with calls. Rows of role 0 only say that the service exists, and in what language. */
export function serviceStepsPlan({ startMs, stepMs, count }: Steps): Plan<ServiceStepRow> {
	return {
		sql: `SELECT
  toString(service_name) AS service,
  multiIf(kind IN ${ENTRY_KINDS}, 1, is_root = 1, 2, 0) AS role,
  if(role = 0, 0, intDiv(toUnixTimestamp(minute) - {start:UInt32}, {step:UInt32})) AS step,
  toFloat64(sum(r.calls)) AS calls,
  toFloat64(sum(r.errors)) AS errors,
  if(role = 0, map(), sumMap(r.latency)) AS latency,
  max(r.language) AS language
FROM span_rollup_1m AS r
WHERE minute >= toDateTime({start:UInt32}, 'UTC') AND minute < toDateTime({end:UInt32}, 'UTC')
GROUP BY service, role, step
ORDER BY service, role, step`,
		params: secondsOf(startMs, startMs + stepMs * count, stepMs),
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
WHERE minute >= toDateTime({start:UInt32}, 'UTC') AND minute < toDateTime({end:UInt32}, 'UTC')
  AND service_name = {service:String}
GROUP BY r.name, r.kind
ORDER BY calls DESC, operation, kind
LIMIT {limit:UInt32}`,
		params: { service, limit: OPERATIONS_MAX + 1, ...secondsOf(startMs, endMs) },
	};
}

/** Every service ever stored, by name. */
export function serviceNamesPlan(): Plan<{ readonly service: string }> {
	return { sql: 'SELECT DISTINCT toString(service_name) AS service FROM span_rollup_1m ORDER BY service', params: {} };
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

function secondsOf(startMs: number, endMs: number, stepMs?: number): Record<string, number> {
	const seconds = { start: Math.floor(startMs / 1_000), end: Math.ceil(endMs / 1_000) };
	return stepMs === undefined ? seconds : { ...seconds, step: Math.round(stepMs / 1_000) };
}
