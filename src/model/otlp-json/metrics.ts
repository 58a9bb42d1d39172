/** Metric point rows as an `ExportMetricsServiceRequest` in OTLP JSON. */

import type { ResourceText } from '../attribute-text.ts';
import { METRIC_TYPE, NUMBER_TYPE, POINT_PRESENT } from '../schema.ts';
import { attributeFields, double, envelopes, type JsonObject, keyValues, nonZero, present, unsigned } from './envelope.ts';
import type { MetricPointRow } from './rows.ts';

export function metricsToOtlpJson(rows: readonly MetricPointRow[]): JsonObject {
	return { resourceMetrics: envelopes(rows, { scopes: 'scopeMetrics', records: 'metrics' }, metrics) };
}

/** Points of the same metric in one message, in the order they come. */
function metrics(rows: readonly MetricPointRow[]): JsonObject[] {
	const identity = (row: MetricPointRow) =>
		JSON.stringify([row.name, row.description, row.unit, row.metadata, row.type, row.temporality, row.isMonotonic]);
	return [...Map.groupBy(rows, identity).values()].map((points) => metric(points as [MetricPointRow, ...MetricPointRow[]]));
}

function metric(rows: readonly [MetricPointRow, ...MetricPointRow[]]): JsonObject {
	const [first] = rows;
	const metadata = first.metadata === '' ? {} : (JSON.parse(first.metadata) as ResourceText);
	return {
		...present({ name: first.name, description: first.description, unit: first.unit }),
		...data(first, rows),
		...present({ metadata: keyValues(metadata.attributes ?? {}, metadata.types ?? '') }),
	};
}

function data(first: MetricPointRow, rows: readonly MetricPointRow[]): JsonObject {
	const aggregationTemporality = first.temporality;
	switch (first.type) {
		case METRIC_TYPE.gauge:
			return { gauge: { dataPoints: rows.map(numberPoint) } };
		case METRIC_TYPE.sum:
			return { sum: present({ dataPoints: rows.map(numberPoint), aggregationTemporality, isMonotonic: first.isMonotonic !== 0 }) };
		case METRIC_TYPE.histogram:
			return { histogram: present({ dataPoints: rows.map(histogramPoint), aggregationTemporality }) };
		case METRIC_TYPE.exponentialHistogram:
			return { exponentialHistogram: present({ dataPoints: rows.map(exponentialPoint), aggregationTemporality }) };
		default:
			return { summary: { dataPoints: rows.map(summaryPoint) } };
	}
}

/** What all points have. */
function point(row: MetricPointRow): JsonObject {
	return {
		...attributeFields(row.attributes, row.attributeTypes),
		...present({ startTimeUnixNano: unsigned(row.startTimeNs), timeUnixNano: unsigned(row.timeNs), flags: row.flags }),
	};
}

function numberPoint(row: MetricPointRow): JsonObject {
	return { ...point(row), ...number(row.valueType, row.valueText, row.valueInt), ...present({ exemplars: exemplars(row) }) };
}

function histogramPoint(row: MetricPointRow): JsonObject {
	return {
		...point(row),
		...present({ count: unsigned(row.countText), bucketCounts: row.bucketCounts, explicitBounds: row.explicitBounds.map(double) }),
		...extremes(row),
		...present({ exemplars: exemplars(row) }),
	};
}

function exponentialPoint(row: MetricPointRow): JsonObject {
	return {
		...point(row),
		...present({
			count: unsigned(row.countText),
			scale: row.scale,
			zeroCount: unsigned(row.zeroCount),
			zeroThreshold: nonZero(row.zeroThreshold),
			positive: buckets(row.positiveOffset, row.positiveCounts),
			negative: buckets(row.negativeOffset, row.negativeCounts),
		}),
		...extremes(row),
		...present({ exemplars: exemplars(row) }),
	};
}

function summaryPoint(row: MetricPointRow): JsonObject {
	const quantileValues = row.quantileTexts.map((quantile, i) =>
		present({ quantile: nonZero(quantile), value: nonZero(row.quantileValues[i] ?? '0') }),
	);
	return { ...point(row), ...present({ count: unsigned(row.countText), sum: nonZero(row.sumText), quantileValues }) };
}

function buckets(offset: number, bucketCounts: readonly string[]): JsonObject | undefined {
	return offset === 0 && bucketCounts.length === 0 ? undefined : present({ offset, bucketCounts });
}

/** The optional doubles: given also when they are zero, if the sender gave them. */
function extremes(row: MetricPointRow): JsonObject {
	return {
		...(row.present & POINT_PRESENT.sum ? { sum: double(row.sumText) } : {}),
		...(row.present & POINT_PRESENT.min ? { min: double(row.minText) } : {}),
		...(row.present & POINT_PRESENT.max ? { max: double(row.maxText) } : {}),
	};
}

/** The member of a oneof, so a zero is given too. */
function number(type: number, valueText: string, valueInt: string): JsonObject {
	if (type === NUMBER_TYPE.int) return { asInt: valueInt };
	return type === NUMBER_TYPE.double ? { asDouble: double(valueText) } : {};
}

function exemplars(row: MetricPointRow): JsonObject[] {
	return row.exemplarTimes.map((time, i) => ({
		...present({
			filteredAttributes: keyValues(row.exemplarAttributes[i] ?? {}, row.exemplarAttributeTypes[i] ?? ''),
			timeUnixNano: unsigned(time),
			spanId: row.exemplarSpanIds[i],
			traceId: row.exemplarTraceIds[i],
		}),
		...number(row.exemplarValueTypes[i] ?? 0, row.exemplarValues[i] ?? '0', row.exemplarValueInts[i] ?? '0'),
	}));
}
