/**
 * The data points of a metric. Four messages with nearly the same fields under different numbers: a layout per type names them, and one
 * reader fills the columns; what a type does not have stays at its default.
 *
 * ```proto
 * message NumberDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; oneof value { double as_double = 4;
 *   sfixed64 as_int = 6; } repeated Exemplar exemplars = 5; repeated KeyValue attributes = 7; uint32 flags = 8; }
 * message HistogramDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; optional double sum = 5;
 *   repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; repeated Exemplar exemplars = 8;
 *   repeated KeyValue attributes = 9; uint32 flags = 10; optional double min = 11; optional double max = 12; }
 * message ExponentialHistogramDataPoint { repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2;
 *   fixed64 time_unix_nano = 3; fixed64 count = 4; optional double sum = 5; sint32 scale = 6; fixed64 zero_count = 7;
 *   Buckets positive = 8; Buckets negative = 9; uint32 flags = 10; repeated Exemplar exemplars = 11; optional double min = 12;
 *   optional double max = 13; double zero_threshold = 14; }
 * message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
 * message SummaryDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5;
 *   repeated ValueAtQuantile quantile_values = 6; repeated KeyValue attributes = 7; uint32 flags = 8; }
 * message ValueAtQuantile { double quantile = 1; double value = 2; }
 * ```
 */

import { Failure } from '../base/errors.ts';
import { toNumber64 } from '../base/int64.ts';
import type { Block } from '../model/block.ts';
import { FixedColumn } from '../model/columns/fixed.ts';
import { METRIC_TYPE, NUMBER_TYPE, POINT_PRESENT } from '../model/schema.ts';
import { AttributeWriter } from './attributes.ts';
import { Budget } from './budget.ts';
import { ExemplarReader } from './exemplars.ts';
import { Fields } from './fields.ts';
import { BUCKETS_MAX } from './limits.ts';
import { WIRE, type Wire } from './wire.ts';

const { varint: VARINT, fixed64: FIXED64, bytes: BYTES } = WIRE;

/** What to do with a field, by tag; all tags of points are below 128. */
const ACTION = {
	skip: 0,
	singular: 1,
	attribute: 2,
	exemplar: 3,
	doubleValue: 4,
	intValue: 5,
	bucketCounts: 6,
	explicitBounds: 7,
	positive: 8,
	negative: 9,
	quantile: 10,
} as const;

/** Field numbers of one kind of point; 0 where it has no such field, which reads as zero. */
interface Layout {
	readonly actions: Uint8Array;
	readonly count: number;
	readonly sum: number;
	readonly min: number;
	readonly max: number;
	readonly scale: number;
	readonly zeroCount: number;
	readonly zeroThreshold: number;
	readonly flags: number;
}

/** The same in all kinds. */
const START_TIME = 2;
const TIME = 3;
const FIELD_MAX = 14;
const NONE = { count: 0, sum: 0, min: 0, max: 0, scale: 0, zeroCount: 0, zeroThreshold: 0, flags: 0 } as const;

/** `entries` are [field number, wire type, action]. */
function layout(entries: readonly (readonly [number, number, number])[], fields: Partial<Omit<Layout, 'actions'>>): Layout {
	const actions = new Uint8Array(128);
	for (const [field, wireType, action] of entries) actions[(field << 3) | wireType] = action;
	return { ...NONE, ...fields, actions };
}

const NUMBER_POINT = layout(
	[
		[START_TIME, FIXED64, ACTION.singular],
		[TIME, FIXED64, ACTION.singular],
		[4, FIXED64, ACTION.doubleValue],
		[5, BYTES, ACTION.exemplar],
		[6, FIXED64, ACTION.intValue],
		[7, BYTES, ACTION.attribute],
		[8, VARINT, ACTION.singular],
	],
	{ flags: 8 },
);
const HISTOGRAM_POINT = layout(
	[
		[START_TIME, FIXED64, ACTION.singular],
		[TIME, FIXED64, ACTION.singular],
		[4, FIXED64, ACTION.singular],
		[5, FIXED64, ACTION.singular],
		[6, BYTES, ACTION.bucketCounts],
		[6, FIXED64, ACTION.bucketCounts],
		[7, BYTES, ACTION.explicitBounds],
		[7, FIXED64, ACTION.explicitBounds],
		[8, BYTES, ACTION.exemplar],
		[9, BYTES, ACTION.attribute],
		[10, VARINT, ACTION.singular],
		[11, FIXED64, ACTION.singular],
		[12, FIXED64, ACTION.singular],
	],
	{ count: 4, sum: 5, min: 11, max: 12, flags: 10 },
);
const EXPONENTIAL_POINT = layout(
	[
		[1, BYTES, ACTION.attribute],
		[START_TIME, FIXED64, ACTION.singular],
		[TIME, FIXED64, ACTION.singular],
		[4, FIXED64, ACTION.singular],
		[5, FIXED64, ACTION.singular],
		[6, VARINT, ACTION.singular],
		[7, FIXED64, ACTION.singular],
		[8, BYTES, ACTION.positive],
		[9, BYTES, ACTION.negative],
		[10, VARINT, ACTION.singular],
		[11, BYTES, ACTION.exemplar],
		[12, FIXED64, ACTION.singular],
		[13, FIXED64, ACTION.singular],
		[14, FIXED64, ACTION.singular],
	],
	{ count: 4, sum: 5, min: 12, max: 13, scale: 6, zeroCount: 7, zeroThreshold: 14, flags: 10 },
);
const SUMMARY_POINT = layout(
	[
		[START_TIME, FIXED64, ACTION.singular],
		[TIME, FIXED64, ACTION.singular],
		[4, FIXED64, ACTION.singular],
		[5, FIXED64, ACTION.singular],
		[6, BYTES, ACTION.quantile],
		[7, BYTES, ACTION.attribute],
		[8, VARINT, ACTION.singular],
	],
	{ count: 4, sum: 5, flags: 8 },
);

/** By the field number of `Metric.data`. */
const LAYOUTS: Readonly<Record<number, Layout>> = {
	[METRIC_TYPE.gauge]: NUMBER_POINT,
	[METRIC_TYPE.sum]: NUMBER_POINT,
	[METRIC_TYPE.histogram]: HISTOGRAM_POINT,
	[METRIC_TYPE.exponentialHistogram]: EXPONENTIAL_POINT,
	[METRIC_TYPE.summary]: SUMMARY_POINT,
};

const BUCKETS = { offset: 1, counts: 2 } as const;
const QUANTILE = { quantile: 1, value: 2 } as const;

function pointColumns(block: Block) {
	return {
		startTimeNs: block.fixed('start_time_ns'),
		flags: block.fixed('flags'),
		valueType: block.fixed('value_type'),
		value: block.fixed('value'),
		valueInt: block.fixed('value_int'),
		present: block.fixed('present'),
		count: block.fixed('count'),
		sum: block.fixed('sum'),
		min: block.fixed('min'),
		max: block.fixed('max'),
		bucketCounts: block.array('bucket_counts', FixedColumn),
		explicitBounds: block.array('explicit_bounds', FixedColumn),
		scale: block.fixed('scale'),
		zeroCount: block.fixed('zero_count'),
		zeroThreshold: block.fixed('zero_threshold'),
		positiveOffset: block.fixed('positive_offset'),
		positiveCounts: block.array('positive_counts', FixedColumn),
		negativeOffset: block.fixed('negative_offset'),
		negativeCounts: block.array('negative_counts', FixedColumn),
		quantiles: block.array('quantiles', FixedColumn),
		quantileValues: block.array('quantile_values', FixedColumn),
	};
}

/** Reads one point after another into the columns that belong to points; those of the metric are the caller's. */
export class PointReader {
	readonly exemplars: ExemplarReader;
	/** Exemplars left out by a limit since the counter was last set to 0. */
	droppedExemplars = 0;
	private readonly elements: Budget;
	private readonly buckets = new Budget(BUCKETS_MAX);
	private readonly columns: ReturnType<typeof pointColumns>;
	private readonly attributes: AttributeWriter;
	private readonly point = new Fields(FIELD_MAX);
	private readonly quantile = new Fields(QUANTILE.value);
	private valueType = 0;
	private valueField = 0;
	private positiveOffset = 0;
	private negativeOffset = 0;

	/** `elements` is what the request may still have of exemplars. */
	constructor(block: Block, elements: Budget) {
		this.elements = elements;
		this.columns = pointColumns(block);
		this.exemplars = new ExemplarReader(block);
		this.attributes = new AttributeWriter(block.map('attributes'), block.lowCardinality('attribute_types'));
	}

	/** Begins a new request. */
	begin(): void {
		this.buckets.refill();
	}

	/** Attributes of the point read last that a limit left out. */
	get droppedAttributes(): number {
		return this.attributes.dropped;
	}

	/** Halves of the time of the point read last. */
	get timeLo(): number {
		return this.point.lo[TIME] as number;
	}

	get timeHi(): number {
		return this.point.hi[TIME] as number;
	}

	/** Reads the point at `[wire.at, end)` of a metric whose data is field `type`. */
	read(wire: Wire, type: number, end: number): void {
		const { actions } = LAYOUTS[type] as Layout;
		this.point.clear();
		this.valueType = NUMBER_TYPE.none;
		this.valueField = 0;
		this.positiveOffset = 0;
		this.negativeOffset = 0;
		this.attributes.begin();
		const before = this.items();
		while (wire.at < end) {
			const tag = wire.tag();
			this.field(wire, tag, tag < actions.length ? (actions[tag] as number) : ACTION.skip, end);
		}
		wire.finish(end);
		if (!this.buckets.take(this.items() - before))
			throw new Failure('too_large', `a request may hold ${BUCKETS_MAX} buckets and quantiles`);
		this.push(LAYOUTS[type] as Layout, type);
	}

	/** Items of all the arrays of numbers. */
	private items(): number {
		const { bucketCounts, explicitBounds, positiveCounts, negativeCounts, quantiles } = this.columns;
		return (
			bucketCounts.items.length +
			explicitBounds.items.length +
			positiveCounts.items.length +
			negativeCounts.items.length +
			quantiles.items.length
		);
	}

	private field(wire: Wire, tag: number, action: number, end: number): void {
		const { columns } = this;
		switch (action) {
			case ACTION.singular:
				this.point.read(wire, tag, end);
				return;
			case ACTION.attribute:
				this.attributes.addRun(wire, tag, end);
				return;
			case ACTION.exemplar:
				this.addExemplar(wire, wire.chunk(end));
				return;
			case ACTION.doubleValue:
			case ACTION.intValue:
				this.point.read(wire, tag, end);
				this.valueField = tag >>> 3;
				this.valueType = action === ACTION.intValue ? NUMBER_TYPE.int : NUMBER_TYPE.double;
				return;
			case ACTION.bucketCounts:
				readFixed64s(wire, tag, end, columns.bucketCounts.items);
				return;
			case ACTION.explicitBounds:
				readFixed64s(wire, tag, end, columns.explicitBounds.items);
				return;
			case ACTION.positive:
				this.positiveOffset = readBuckets(wire, wire.chunk(end), this.positiveOffset, columns.positiveCounts.items);
				return;
			case ACTION.negative:
				this.negativeOffset = readBuckets(wire, wire.chunk(end), this.negativeOffset, columns.negativeCounts.items);
				return;
			case ACTION.quantile:
				this.readQuantile(wire, wire.chunk(end));
				return;
			default:
				wire.skip(tag, end);
		}
	}

	private addExemplar(wire: Wire, end: number): void {
		if (this.elements.take()) {
			this.exemplars.add(wire, end);
		} else {
			this.droppedExemplars++;
			wire.at = end;
		}
	}

	private push(fields: Layout, type: number): void {
		const { columns, point, valueType, valueField } = this;
		point.push64(columns.startTimeNs, START_TIME);
		point.push32(columns.flags, fields.flags);
		this.attributes.end();
		columns.valueType.push8(valueType);
		if (valueType === NUMBER_TYPE.int) {
			columns.value.pushDouble(toNumber64(point.lo[valueField] as number, point.hi[valueField] as number));
			point.push64(columns.valueInt, valueField);
		} else {
			point.push64(columns.value, valueField);
			columns.valueInt.push64(0, 0);
		}
		columns.present.push8(presence(point, fields, type));
		point.push64(columns.count, fields.count);
		point.push64(columns.sum, fields.sum);
		point.push64(columns.min, fields.min);
		point.push64(columns.max, fields.max);
		columns.bucketCounts.endRow();
		columns.explicitBounds.endRow();
		columns.scale.push32(zigzag(point.lo[fields.scale] as number));
		point.push64(columns.zeroCount, fields.zeroCount);
		point.push64(columns.zeroThreshold, fields.zeroThreshold);
		columns.positiveOffset.push32(this.positiveOffset);
		columns.positiveCounts.endRow();
		columns.negativeOffset.push32(this.negativeOffset);
		columns.negativeCounts.endRow();
		columns.quantiles.endRow();
		columns.quantileValues.endRow();
		this.exemplars.endRow();
	}

	private readQuantile(wire: Wire, end: number): void {
		const { quantile, columns } = this;
		quantile.clear();
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === ((QUANTILE.quantile << 3) | FIXED64) || tag === ((QUANTILE.value << 3) | FIXED64)) quantile.read(wire, tag, end);
			else wire.skip(tag, end);
		}
		wire.finish(end);
		quantile.push64(columns.quantiles.items, QUANTILE.quantile);
		quantile.push64(columns.quantileValues.items, QUANTILE.value);
	}
}

/** Bits of `POINT_PRESENT`. The sum of a summary is not optional, so it is always there. */
function presence(point: Fields, fields: Layout, type: number): number {
	const sum = type === METRIC_TYPE.summary || (fields.sum > 0 && point.has(fields.sum));
	return (
		(sum ? POINT_PRESENT.sum : 0) |
		(fields.min > 0 && point.has(fields.min) ? POINT_PRESENT.min : 0) |
		(fields.max > 0 && point.has(fields.max) ? POINT_PRESENT.max : 0)
	);
}

/** `repeated fixed64` or `repeated double`, packed or one by one. */
function readFixed64s(wire: Wire, tag: number, end: number, items: FixedColumn): void {
	const stop = (tag & 7) === BYTES ? wire.chunk(end) : wire.at + 8;
	while (wire.at < stop) {
		wire.fixed64();
		items.push64(wire.lo, wire.hi);
	}
	wire.finish(stop);
}

/** `Buckets` at `[wire.at, end)`; the counts, packed or not, go to `items`; returns the offset. */
function readBuckets(wire: Wire, end: number, offsetBefore: number, items: FixedColumn): number {
	let offset = offsetBefore;
	while (wire.at < end) {
		const tag = wire.tag();
		switch (tag) {
			case (BUCKETS.offset << 3) | VARINT:
				wire.varint64();
				offset = zigzag(wire.lo);
				break;
			case (BUCKETS.counts << 3) | BYTES:
				readVarints(wire, wire.chunk(end), items);
				break;
			case (BUCKETS.counts << 3) | VARINT:
				wire.varint64();
				items.push64(wire.lo, wire.hi);
				break;
			default:
				wire.skip(tag, end);
		}
	}
	wire.finish(end);
	return offset;
}

function readVarints(wire: Wire, end: number, items: FixedColumn): void {
	while (wire.at < end) {
		wire.varint64();
		items.push64(wire.lo, wire.hi);
	}
	wire.finish(end);
}

/** A sint32 from its varint. */
function zigzag(word: number): number {
	return (word >>> 1) ^ -(word & 1);
}
