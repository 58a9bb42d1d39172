/**
 * Exemplars of a data point, as parallel arrays.
 *
 * ```proto
 * message Exemplar { fixed64 time_unix_nano = 2; oneof value { double as_double = 3; sfixed64 as_int = 6; } bytes span_id = 4;
 *   bytes trace_id = 5; repeated KeyValue filtered_attributes = 7; }
 * ```
 */

import { toNumber64 } from '../base/int64.ts';
import type { Block } from '../model/block.ts';
import { FixedColumn } from '../model/columns/fixed.ts';
import { LowCardinalityColumn } from '../model/columns/low-cardinality.ts';
import { MapColumn } from '../model/columns/nested.ts';
import { NUMBER_TYPE } from '../model/schema.ts';
import { AttributeWriter } from './attributes.ts';
import { Fields } from './fields.ts';
import { WIRE, type Wire } from './wire.ts';

const { fixed64: FIXED64, bytes: BYTES } = WIRE;

const EXEMPLAR = { time: 2, asDouble: 3, spanId: 4, traceId: 5, asInt: 6, attributes: 7 } as const;

function exemplarColumns(block: Block) {
	return {
		times: block.array('exemplar_times', FixedColumn),
		valueTypes: block.array('exemplar_value_types', FixedColumn),
		values: block.array('exemplar_values', FixedColumn),
		valueInts: block.array('exemplar_value_ints', FixedColumn),
		traceIds: block.array('exemplar_trace_ids', FixedColumn),
		spanIds: block.array('exemplar_span_ids', FixedColumn),
		attributes: block.array('exemplar_attributes', MapColumn),
		attributeTypes: block.array('exemplar_attribute_types', LowCardinalityColumn),
	};
}

export class ExemplarReader {
	/** Attributes left out by a limit since the counter was last set to 0. */
	droppedAttributes = 0;
	private readonly columns: ReturnType<typeof exemplarColumns>;
	private readonly attributes: AttributeWriter;
	private readonly exemplar = new Fields(EXEMPLAR.attributes);

	constructor(block: Block) {
		this.columns = exemplarColumns(block);
		this.attributes = new AttributeWriter(this.columns.attributes.items, this.columns.attributeTypes.items);
	}

	/** Adds the exemplar at `[wire.at, end)` to the point at hand. Ids of the wrong length are left out. */
	add(wire: Wire, end: number): void {
		const { exemplar, attributes, columns } = this;
		let valueField = 0;
		exemplar.clear();
		attributes.begin();
		while (wire.at < end) {
			const tag = wire.tag();
			switch (tag) {
				case (EXEMPLAR.attributes << 3) | BYTES:
					attributes.addRun(wire, tag, end);
					break;
				case (EXEMPLAR.asDouble << 3) | FIXED64:
				case (EXEMPLAR.asInt << 3) | FIXED64:
					valueField = tag >>> 3;
					exemplar.read(wire, tag, end);
					break;
				case (EXEMPLAR.time << 3) | FIXED64:
				case (EXEMPLAR.spanId << 3) | BYTES:
				case (EXEMPLAR.traceId << 3) | BYTES:
					exemplar.read(wire, tag, end);
					break;
				default:
					wire.skip(tag, end);
			}
		}
		wire.finish(end);
		exemplar.push64(columns.times.items, EXEMPLAR.time);
		this.pushValue(valueField);
		exemplar.pushId(columns.traceIds.items, wire, EXEMPLAR.traceId);
		exemplar.pushId(columns.spanIds.items, wire, EXEMPLAR.spanId);
		attributes.end();
		this.droppedAttributes += attributes.dropped;
	}

	endRow(): void {
		const { columns } = this;
		columns.times.endRow();
		columns.valueTypes.endRow();
		columns.values.endRow();
		columns.valueInts.endRow();
		columns.traceIds.endRow();
		columns.spanIds.endRow();
		columns.attributes.endRow();
		columns.attributeTypes.endRow();
	}

	private pushValue(field: number): void {
		const { exemplar, columns } = this;
		const lo = exemplar.lo[field] as number;
		const hi = exemplar.hi[field] as number;
		if (field === EXEMPLAR.asInt) {
			columns.valueTypes.items.push8(NUMBER_TYPE.int);
			columns.values.items.pushDouble(toNumber64(lo, hi));
			columns.valueInts.items.push64(lo, hi);
		} else {
			columns.valueTypes.items.push8(field === 0 ? NUMBER_TYPE.none : NUMBER_TYPE.double);
			columns.values.items.push64(lo, hi);
			columns.valueInts.items.push64(0, 0);
		}
	}
}
