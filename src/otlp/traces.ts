/** Spans from the wire into columns. */

import { utf8Text } from '../base/utf8.ts';
import type { Block } from '../model/block.ts';
import { FixedColumn } from '../model/columns/fixed.ts';
import { LowCardinalityColumn } from '../model/columns/low-cardinality.ts';
import { MapColumn } from '../model/columns/nested.ts';
import { StringColumn } from '../model/columns/string.ts';
import { AttributeWriter } from './attributes.ts';
import { SignalDecoder } from './decoder.ts';
import { Fields } from './fields.ts';
import type { Rejection } from './rejections.ts';
import { WIRE } from './wire.ts';

const { varint: VARINT, fixed64: FIXED64, bytes: BYTES, fixed32: FIXED32 } = WIRE;

/** Field numbers of `Span`, `Span.Event`, `Span.Link` and `Status`. */
const SPAN = {
	traceId: 1,
	spanId: 2,
	traceState: 3,
	parentSpanId: 4,
	name: 5,
	kind: 6,
	start: 7,
	end: 8,
	attributes: 9,
	droppedAttributes: 10,
	events: 11,
	droppedEvents: 12,
	links: 13,
	droppedLinks: 14,
	status: 15,
	flags: 16,
} as const;
const EVENT = { time: 1, name: 2, attributes: 3, dropped: 4 } as const;
const LINK = { traceId: 1, spanId: 2, traceState: 3, attributes: 4, dropped: 5, flags: 6 } as const;
const STATUS = { message: 2, code: 3 } as const;

const BAD_TRACE_ID: Rejection = { code: 'trace_id', text: 'trace_id must be 16 bytes, not all zero (in JSON 32 hexadecimal digits)' };
const BAD_SPAN_ID: Rejection = { code: 'span_id', text: 'span_id must be 8 bytes, not all zero (in JSON 16 hexadecimal digits)' };
const BAD_PARENT_ID: Rejection = {
	code: 'parent_span_id',
	text: 'parent_span_id must be empty or 8 bytes (in JSON 16 hexadecimal digits)',
};

function spanColumns(block: Block) {
	return {
		hour: block.fixed('hour'),
		traceId: block.fixed('trace_id'),
		spanId: block.fixed('span_id'),
		parentSpanId: block.fixed('parent_span_id'),
		traceState: block.string('trace_state'),
		flags: block.fixed('flags'),
		serviceName: block.lowCardinality('service_name'),
		name: block.lowCardinality('name'),
		kind: block.fixed('kind'),
		startTime: block.fixed('start_time'),
		durationNs: block.fixed('duration_ns'),
		statusCode: block.fixed('status_code'),
		statusMessage: block.string('status_message'),
		droppedAttributes: block.fixed('dropped_attributes'),
		eventTimes: block.array('event_times', FixedColumn),
		eventNames: block.array('event_names', LowCardinalityColumn),
		eventAttributes: block.array('event_attributes', MapColumn),
		eventAttributeTypes: block.array('event_attribute_types', LowCardinalityColumn),
		eventDroppedAttributes: block.array('event_dropped_attributes', FixedColumn),
		droppedEvents: block.fixed('dropped_events'),
		linkTraceIds: block.array('link_trace_ids', FixedColumn),
		linkSpanIds: block.array('link_span_ids', FixedColumn),
		linkTraceStates: block.array('link_trace_states', StringColumn),
		linkFlags: block.array('link_flags', FixedColumn),
		linkAttributes: block.array('link_attributes', MapColumn),
		linkAttributeTypes: block.array('link_attribute_types', LowCardinalityColumn),
		linkDroppedAttributes: block.array('link_dropped_attributes', FixedColumn),
		droppedLinks: block.fixed('dropped_links'),
		resource: block.lowCardinality('resource'),
		scope: block.lowCardinality('scope'),
	};
}

export class TraceDecoder extends SignalDecoder {
	protected readonly signal = 'traces';
	private readonly columns: ReturnType<typeof spanColumns>;
	private readonly attributes: AttributeWriter;
	private readonly eventAttributes: AttributeWriter;
	private readonly linkAttributes: AttributeWriter;
	private readonly span = new Fields(SPAN.flags);
	private readonly spanEvent = new Fields(EVENT.dropped);
	private readonly spanLink = new Fields(LINK.flags);
	private readonly spanStatus = new Fields(STATUS.code);
	/** Events and links of the current span left out by a limit. */
	private excessEvents = 0;
	private excessLinks = 0;

	constructor(block: Block) {
		super(block, 'spans');
		const columns = spanColumns(block);
		this.columns = columns;
		this.attributes = new AttributeWriter(block.map('attributes'), block.lowCardinality('attribute_types'));
		this.eventAttributes = new AttributeWriter(columns.eventAttributes.items, columns.eventAttributeTypes.items);
		this.linkAttributes = new AttributeWriter(columns.linkAttributes.items, columns.linkAttributeTypes.items);
	}

	protected record(end: number): void {
		const { wire, span } = this;
		if (!this.beginRow()) {
			wire.at = end;
			return;
		}
		this.readSpan(end);
		const fault = this.fault();
		if (fault !== undefined) {
			this.rejectRow(fault, () => `"${utf8Text(wire.bytes, span.lo[SPAN.name], span.hi[SPAN.name])}"`);
			return;
		}
		this.pushSpan();
		this.block.commitRow();
	}

	/** Why this span cannot be kept. */
	private fault(): Rejection | undefined {
		const { wire, span } = this;
		if (!span.isId(wire, SPAN.traceId, 16)) return BAD_TRACE_ID;
		if (!span.isId(wire, SPAN.spanId, 8)) return BAD_SPAN_ID;
		const parent = span.size(SPAN.parentSpanId);
		return parent === 0 || parent === 8 ? undefined : BAD_PARENT_ID;
	}

	/**
	 * Singular fields into `this.span`, repeated ones into their columns.
	 *
	 * ```proto
	 * message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
	 *   SpanKind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
	 *   uint32 dropped_attributes_count = 10; repeated Event events = 11; uint32 dropped_events_count = 12; repeated Link links = 13;
	 *   uint32 dropped_links_count = 14; Status status = 15; fixed32 flags = 16; }
	 * ```
	 */
	private readSpan(end: number): void {
		const { wire, span } = this;
		span.clear();
		this.spanStatus.clear();
		this.excessEvents = 0;
		this.excessLinks = 0;
		this.attributes.begin();
		while (wire.at < end) {
			const tag = wire.tag();
			switch (tag) {
				case (SPAN.attributes << 3) | BYTES:
					this.attributes.addRun(wire, tag, end);
					break;
				case (SPAN.events << 3) | BYTES:
					this.event(wire.chunk(end));
					break;
				case (SPAN.links << 3) | BYTES:
					this.link(wire.chunk(end));
					break;
				case (SPAN.status << 3) | BYTES:
					this.status(wire.chunk(end));
					break;
				case (SPAN.traceId << 3) | BYTES:
				case (SPAN.spanId << 3) | BYTES:
				case (SPAN.traceState << 3) | BYTES:
				case (SPAN.parentSpanId << 3) | BYTES:
				case (SPAN.name << 3) | BYTES:
				case (SPAN.kind << 3) | VARINT:
				case (SPAN.start << 3) | FIXED64:
				case (SPAN.end << 3) | FIXED64:
				case (SPAN.droppedAttributes << 3) | VARINT:
				case (SPAN.droppedEvents << 3) | VARINT:
				case (SPAN.droppedLinks << 3) | VARINT:
				case (SPAN.flags << 3) | FIXED32:
					span.read(wire, tag, end);
					break;
				default:
					wire.skip(tag, end);
			}
		}
		wire.finish(end);
	}

	private pushSpan(): void {
		const { wire, columns, span, spanStatus } = this;
		const startLo = span.lo[SPAN.start] as number;
		const startHi = span.hi[SPAN.start] as number;
		const endLo = span.lo[SPAN.end] as number;
		const borrow = endLo >>> 0 < startLo >>> 0 ? 1 : 0;
		columns.hour.push32(this.hours.of(startLo, startHi));
		span.pushId(columns.traceId, wire, SPAN.traceId);
		span.pushId(columns.spanId, wire, SPAN.spanId);
		span.pushId(columns.parentSpanId, wire, SPAN.parentSpanId);
		span.pushText(columns.traceState, wire, SPAN.traceState);
		span.push32(columns.flags, SPAN.flags);
		columns.serviceName.pushIndex(this.serviceIndex);
		span.pushName(columns.name, wire, SPAN.name);
		span.push32(columns.kind, SPAN.kind);
		columns.startTime.push64(startLo, startHi);
		columns.durationNs.push64(endLo - startLo, (span.hi[SPAN.end] as number) - startHi - borrow);
		spanStatus.push32(columns.statusCode, STATUS.code);
		spanStatus.pushText(columns.statusMessage, wire, STATUS.message);
		this.attributes.end();
		columns.droppedAttributes.push32(span.uint32(SPAN.droppedAttributes) + this.attributes.dropped);
		columns.eventTimes.endRow();
		columns.eventNames.endRow();
		columns.eventAttributes.endRow();
		columns.eventAttributeTypes.endRow();
		columns.eventDroppedAttributes.endRow();
		columns.droppedEvents.push32(span.uint32(SPAN.droppedEvents) + this.excessEvents);
		columns.linkTraceIds.endRow();
		columns.linkSpanIds.endRow();
		columns.linkTraceStates.endRow();
		columns.linkFlags.endRow();
		columns.linkAttributes.endRow();
		columns.linkAttributeTypes.endRow();
		columns.linkDroppedAttributes.endRow();
		columns.droppedLinks.push32(span.uint32(SPAN.droppedLinks) + this.excessLinks);
		columns.resource.pushIndex(this.resourceIndex);
		columns.scope.pushIndex(this.scopeIndex);
	}

	/** `message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }` */
	private event(end: number): void {
		const { wire, columns, spanEvent, eventAttributes } = this;
		if (!this.elements.take()) {
			this.excessEvents++;
			wire.at = end;
			return;
		}
		spanEvent.clear();
		eventAttributes.begin();
		while (wire.at < end) {
			const tag = wire.tag();
			switch (tag) {
				case (EVENT.attributes << 3) | BYTES:
					eventAttributes.addRun(wire, tag, end);
					break;
				case (EVENT.time << 3) | FIXED64:
				case (EVENT.name << 3) | BYTES:
				case (EVENT.dropped << 3) | VARINT:
					spanEvent.read(wire, tag, end);
					break;
				default:
					wire.skip(tag, end);
			}
		}
		wire.finish(end);
		spanEvent.push64(columns.eventTimes.items, EVENT.time);
		spanEvent.pushName(columns.eventNames.items, wire, EVENT.name);
		eventAttributes.end();
		columns.eventDroppedAttributes.items.push32(spanEvent.uint32(EVENT.dropped) + eventAttributes.dropped);
	}

	/**
	 * Ids of the wrong length are left out; the link stays.
	 *
	 * ```proto
	 * message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
	 *   uint32 dropped_attributes_count = 5; fixed32 flags = 6; }
	 * ```
	 */
	private link(end: number): void {
		const { wire, columns, spanLink, linkAttributes } = this;
		if (!this.elements.take()) {
			this.excessLinks++;
			wire.at = end;
			return;
		}
		spanLink.clear();
		linkAttributes.begin();
		while (wire.at < end) {
			const tag = wire.tag();
			switch (tag) {
				case (LINK.attributes << 3) | BYTES:
					linkAttributes.addRun(wire, tag, end);
					break;
				case (LINK.traceId << 3) | BYTES:
				case (LINK.spanId << 3) | BYTES:
				case (LINK.traceState << 3) | BYTES:
				case (LINK.dropped << 3) | VARINT:
				case (LINK.flags << 3) | FIXED32:
					spanLink.read(wire, tag, end);
					break;
				default:
					wire.skip(tag, end);
			}
		}
		wire.finish(end);
		spanLink.pushId(columns.linkTraceIds.items, wire, LINK.traceId);
		spanLink.pushId(columns.linkSpanIds.items, wire, LINK.spanId);
		spanLink.pushText(columns.linkTraceStates.items, wire, LINK.traceState);
		spanLink.push32(columns.linkFlags.items, LINK.flags);
		linkAttributes.end();
		columns.linkDroppedAttributes.items.push32(spanLink.uint32(LINK.dropped) + linkAttributes.dropped);
	}

	/** `message Status { string message = 2; StatusCode code = 3; }` */
	private status(end: number): void {
		const { wire } = this;
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === ((STATUS.message << 3) | BYTES) || tag === ((STATUS.code << 3) | VARINT)) this.spanStatus.read(wire, tag, end);
			else wire.skip(tag, end);
		}
		wire.finish(end);
	}
}
