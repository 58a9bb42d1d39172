/**
 * Metric data points from the wire into columns: one row per point, all five types in one table.
 *
 * ```proto
 * message Metric { string name = 1; string description = 2; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7;
 *   Histogram histogram = 9; ExponentialHistogram exponential_histogram = 10; Summary summary = 11; } repeated KeyValue metadata = 12; }
 * message Gauge { repeated NumberDataPoint data_points = 1; }
 * message Sum { repeated NumberDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3; }
 * message Histogram { repeated HistogramDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; }
 * message ExponentialHistogram { repeated ExponentialHistogramDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; }
 * message Summary { repeated SummaryDataPoint data_points = 1; }
 * ```
 */

import { ByteSource } from '../base/byte-buffer.ts';
import { utf8Bytes, utf8Text } from '../base/utf8.ts';
import type { Block } from '../model/block.ts';
import { METRIC_TYPE } from '../model/schema.ts';
import { SignalDecoder } from './decoder.ts';
import { AttributeTexts } from './envelope-text.ts';
import { Fields } from './fields.ts';
import { ATTRIBUTES_MAX } from './limits.ts';
import { PointReader } from './points.ts';
import type { Rejection } from './rejections.ts';
import { WIRE } from './wire.ts';

const { varint: VARINT, bytes: BYTES } = WIRE;

/** Field numbers of `Metric`; those of its data are the values of `METRIC_TYPE`. */
const METRIC = { name: 1, description: 2, unit: 3, metadata: 12 } as const;
/** Field numbers of `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` and `Summary`, which agree where they meet. */
const DATA = { points: 1, temporality: 2, isMonotonic: 3 } as const;

const CUT_ATTRIBUTES: Rejection = {
	code: 'point_attributes',
	text: `a data point's attributes name its series, so none may be left out: at most ${ATTRIBUTES_MAX}, with shorter keys, less deep`,
};

function metricColumns(block: Block) {
	return {
		hour: block.fixed('hour'),
		serviceName: block.lowCardinality('service_name'),
		name: block.lowCardinality('name'),
		description: block.lowCardinality('description'),
		unit: block.lowCardinality('unit'),
		metadata: block.lowCardinality('metadata'),
		type: block.fixed('type'),
		temporality: block.fixed('temporality'),
		isMonotonic: block.fixed('is_monotonic'),
		time: block.fixed('time'),
		resource: block.lowCardinality('resource'),
		scope: block.lowCardinality('scope'),
	};
}

export class MetricDecoder extends SignalDecoder {
	protected readonly signal = 'metrics';
	private readonly columns: ReturnType<typeof metricColumns>;
	private readonly points: PointReader;
	private readonly metric = new Fields(METRIC.metadata);
	private readonly metricData = new Fields(DATA.isMonotonic);
	/** Dictionary entries of the metric at hand, set when its first point needs them. */
	private nameIndex = 0;
	private descriptionIndex = 0;
	private unitIndex = 0;
	private metadataIndex = 0;

	constructor(block: Block) {
		super(block, 'data points');
		this.columns = metricColumns(block);
		this.points = new PointReader(block, this.elements);
	}

	protected override receive(nowMs: number): void {
		super.receive(nowMs);
		this.points.begin();
	}

	/** Reads one metric; the rows, and what is accepted or rejected, are its points. */
	protected record(end: number): void {
		const { wire } = this;
		const type = this.readMetric(end);
		if (type !== 0) {
			const dataEnd = this.metric.hi[type] as number;
			wire.at = this.metric.lo[type] as number;
			this.readData(dataEnd);
			wire.at = this.metric.lo[type] as number;
			while (wire.at < dataEnd) {
				const tag = wire.tag();
				if (tag === ((DATA.points << 3) | BYTES)) this.point(type, wire.chunk(dataEnd));
				else wire.skip(tag, dataEnd);
			}
		}
		wire.at = end;
	}

	/** What all points of the metric share; returns the field number of its data, 0 when it has none. */
	private readMetric(end: number): number {
		const { wire, metric } = this;
		metric.clear();
		let type = 0;
		let metadata: AttributeTexts | undefined;
		while (wire.at < end) {
			const tag = wire.tag();
			switch (tag) {
				case (METRIC_TYPE.gauge << 3) | BYTES:
				case (METRIC_TYPE.sum << 3) | BYTES:
				case (METRIC_TYPE.histogram << 3) | BYTES:
				case (METRIC_TYPE.exponentialHistogram << 3) | BYTES:
				case (METRIC_TYPE.summary << 3) | BYTES:
					type = tag >>> 3;
					metric.read(wire, tag, end);
					break;
				case (METRIC.name << 3) | BYTES:
				case (METRIC.description << 3) | BYTES:
				case (METRIC.unit << 3) | BYTES:
					metric.read(wire, tag, end);
					break;
				case (METRIC.metadata << 3) | BYTES:
					metadata ??= new AttributeTexts();
					metadata.add(wire, wire.chunk(end));
					break;
				default:
					wire.skip(tag, end);
			}
		}
		wire.finish(end);
		this.internNames(metadata);
		return type;
	}

	private internNames(metadata: AttributeTexts | undefined): void {
		const { wire, metric, columns } = this;
		this.nameIndex = metric.intern(columns.name, wire, METRIC.name);
		this.descriptionIndex = metric.intern(columns.description, wire, METRIC.description);
		this.unitIndex = metric.intern(columns.unit, wire, METRIC.unit);
		this.metadataIndex = 0;
		if (metadata === undefined) return;
		const text = new ByteSource(utf8Bytes(JSON.stringify(metadata.parts(0))));
		this.metadataIndex = columns.metadata.dictionary.intern(text, 0, text.bytes.length);
	}

	/** What stands beside the points: temporality and monotonicity, which come after them on the wire. */
	private readData(end: number): void {
		const { wire, metricData } = this;
		metricData.clear();
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === ((DATA.temporality << 3) | VARINT) || tag === ((DATA.isMonotonic << 3) | VARINT)) metricData.read(wire, tag, end);
			else wire.skip(tag, end);
		}
		wire.finish(end);
	}

	private point(type: number, end: number): void {
		const { wire, columns, metric, metricData, points } = this;
		if (!this.beginRow()) {
			wire.at = end;
			return;
		}
		points.read(wire, type, end);
		if (points.droppedAttributes > 0) {
			this.rejectRow(CUT_ATTRIBUTES, () => `of metric "${utf8Text(wire.bytes, metric.lo[METRIC.name], metric.hi[METRIC.name])}"`);
			return;
		}
		if (points.droppedExemplars > 0 || points.exemplars.droppedAttributes > 0) this.warnOfExemplars();
		columns.hour.push32(this.hours.of(points.timeLo, points.timeHi));
		columns.time.push64(points.timeLo, points.timeHi);
		columns.serviceName.pushIndex(this.serviceIndex);
		columns.name.pushIndex(this.nameIndex);
		columns.description.pushIndex(this.descriptionIndex);
		columns.unit.pushIndex(this.unitIndex);
		columns.metadata.pushIndex(this.metadataIndex);
		columns.type.push8(type);
		metricData.push32(columns.temporality, DATA.temporality);
		columns.isMonotonic.push8((metricData.lo[DATA.isMonotonic] as number) === 0 ? 0 : 1);
		columns.resource.pushIndex(this.resourceIndex);
		columns.scope.pushIndex(this.scopeIndex);
		this.block.commitRow();
	}

	private warnOfExemplars(): void {
		const { rejections, points } = this;
		if (points.droppedExemplars > 0) rejections.warn('exemplars beyond the limit of a request left out', points.droppedExemplars);
		if (points.exemplars.droppedAttributes > 0) rejections.warn('attributes of exemplars left out', points.exemplars.droppedAttributes);
		points.droppedExemplars = 0;
		points.exemplars.droppedAttributes = 0;
	}
}
