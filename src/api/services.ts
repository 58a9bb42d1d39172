/** The services and the operations of one, with rate, errors and latency. */

import { z } from 'zod';
import { OPERATIONS_MAX, operationsPlan, type ServiceRow, type ServiceStepRow, serviceStepsPlan, servicesPlan } from '../query/services.ts';
import { resolveRange, type Steps, stepsOf, type TimeRange } from '../query/time-range.ts';
import { latencyQuantilesNs } from '../store/schema/latency.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { OperationsResponse, PATHS, type ServiceSummary, ServicesResponse, SPAN_KINDS, TimeRangeQuery } from './contract.ts';
import { ERRORS } from './openapi.ts';

const MINUTE_MS = 60_000;

export function registerServices(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.services,
		{
			schema: {
				summary: 'Services with rate, errors and latency',
				tags: ['services'],
				querystring: TimeRangeQuery.strict(),
				response: { 200: ServicesResponse, ...ERRORS },
			},
		},
		async (request, reply): Promise<ServicesResponse> => {
			const nowMs = context.clock.nowMs();
			const range = resolveRange(request.query.from, request.query.to, nowMs);
			const steps = stepsOf(range);
			const inquiry = context.ask(reply);
			const [services, rows] = await Promise.all([inquiry.rows(servicesPlan(steps)), inquiry.rows(serviceStepsPlan(steps))]);
			return { services: summarise(services, rows, steps, coveredSeconds(steps.startMs, range, nowMs)), meta: inquiry.meta(range) };
		},
	);

	app.get(
		PATHS.operations,
		{
			schema: {
				summary: 'Operations of one service, busiest first',
				tags: ['services'],
				params: z.object({ service: z.string() }),
				querystring: TimeRangeQuery.strict(),
				response: { 200: OperationsResponse, ...ERRORS },
			},
		},
		async (request, reply): Promise<OperationsResponse> => {
			const nowMs = context.clock.nowMs();
			const { service } = request.params;
			const range = resolveRange(request.query.from, request.query.to, nowMs);
			const startMs = Math.floor(range.fromMs / MINUTE_MS) * MINUTE_MS;
			const inquiry = context.ask(reply);
			const rows = await inquiry.rows(operationsPlan(service, startMs, range.toMs + 1));
			const seconds = coveredSeconds(startMs, range, nowMs);
			return {
				service,
				operations: rows.slice(0, OPERATIONS_MAX).map((row) => ({
					operation: row.operation,
					kind: SPAN_KINDS[row.kind] ?? 'unspecified',
					...red(row.calls, row.errors, seconds, latencyQuantilesNs(row.latency, QUANTILES)),
				})),
				meta: inquiry.meta(range, rows.length > OPERATIONS_MAX),
			};
		},
	);
}

const QUANTILES = [0.5, 0.95, 0.99];

/** Whole minutes are counted, the last one only as far as it has passed. */
function coveredSeconds(startMs: number, { toMs }: TimeRange, nowMs: number): number {
	const endMs = Math.min(nowMs, (Math.floor(toMs / MINUTE_MS) + 1) * MINUTE_MS);
	return Math.max(1, (endMs - startMs) / 1_000);
}

function red(
	calls: number,
	errors: number,
	seconds: number,
	quantilesNs: readonly (number | null)[],
): Omit<ServiceSummary, 'service' | 'language' | 'series'> {
	const [p50, p95, p99] = quantilesNs;
	return {
		calls,
		errors,
		callsPerSecond: calls / seconds,
		errorRatio: calls === 0 ? 0 : errors / calls,
		p50Ms: milliseconds(p50),
		p95Ms: milliseconds(p95),
		p99Ms: milliseconds(p99),
	};
}

/** Entry spans (role 1) count where a service has any in the range, else its root spans (role 2). */
function summarise(services: readonly ServiceRow[], rows: readonly ServiceStepRow[], steps: Steps, seconds: number): ServiceSummary[] {
	const byService = Map.groupBy(rows, (row) => row.service);
	return services.map(({ service, language }) => {
		const all = byService.get(service) ?? [];
		const role = all.some((row) => row.role === 1) ? 1 : 2;
		const counted = all.filter((row) => row.role === role);
		const series = {
			startMs: steps.startMs,
			stepMs: steps.stepMs,
			calls: Array<number>(steps.count).fill(0),
			errors: Array<number>(steps.count).fill(0),
			p95Ms: Array<number | null>(steps.count).fill(null),
		};
		const latency = new Map<number, number>();
		for (const row of counted) {
			series.calls[row.step] = row.calls;
			series.errors[row.step] = row.errors;
			series.p95Ms[row.step] = milliseconds(latencyQuantilesNs(row.latency, [0.95])[0]);
			for (const [bucket, count] of Object.entries(row.latency))
				latency.set(Number(bucket), (latency.get(Number(bucket)) ?? 0) + Number(count));
		}
		const calls = counted.reduce((sum, row) => sum + row.calls, 0);
		const errors = counted.reduce((sum, row) => sum + row.errors, 0);
		return {
			service,
			language: language === '' ? null : language,
			...red(calls, errors, seconds, latencyQuantilesNs(latency, QUANTILES)),
			series,
		};
	});
}

function milliseconds(ns: number | null | undefined): number | null {
	return ns === null || ns === undefined ? null : ns / 1e6;
}
