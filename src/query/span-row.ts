/** A span with everything it came with: what span details, OTLP downloads and Jaeger's JSON are made from. */

/** As the engine answers: 64-bit numbers as decimal text, ids as lower-case hex ('' when absent), maps as objects. */
export interface SpanRow {
	readonly traceId: string;
	readonly spanId: string;
	readonly parentSpanId: string;
	readonly traceState: string;
	readonly flags: number;
	readonly service: string;
	readonly name: string;
	readonly kind: number;
	readonly startNs: string;
	readonly durationNs: string;
	readonly statusCode: number;
	readonly statusMessage: string;
	readonly attributes: Readonly<Record<string, string>>;
	readonly attributeTypes: string;
	readonly droppedAttributes: number;
	readonly eventTimes: readonly string[];
	readonly eventNames: readonly string[];
	readonly eventAttributes: readonly Readonly<Record<string, string>>[];
	readonly eventAttributeTypes: readonly string[];
	readonly eventDroppedAttributes: readonly number[];
	readonly droppedEvents: number;
	readonly linkTraceIds: readonly string[];
	readonly linkSpanIds: readonly string[];
	readonly linkTraceStates: readonly string[];
	readonly linkFlags: readonly number[];
	readonly linkAttributes: readonly Readonly<Record<string, string>>[];
	readonly linkAttributeTypes: readonly string[];
	readonly linkDroppedAttributes: readonly number[];
	readonly droppedLinks: number;
	/** Resource and scope texts, see model/attribute-text.ts. */
	readonly resource: string;
	readonly scope: string;
}

/** The select list that answers `SpanRow`s from `spans`. */
export const SPAN_ROW_COLUMNS = `lower(hex(trace_id)) AS traceId,
  lower(hex(span_id)) AS spanId,
  if(parent_span_id = toFixedString('', 8), '', lower(hex(parent_span_id))) AS parentSpanId,
  trace_state AS traceState,
  spans.flags AS flags,
  service_name AS service,
  spans.name AS name,
  spans.kind AS kind,
  toString(toUnixTimestamp64Nano(start_time)) AS startNs,
  toString(duration_ns) AS durationNs,
  status_code AS statusCode,
  status_message AS statusMessage,
  spans.attributes AS attributes,
  attribute_types AS attributeTypes,
  dropped_attributes AS droppedAttributes,
  arrayMap(t -> toString(toUnixTimestamp64Nano(t)), event_times) AS eventTimes,
  event_names AS eventNames,
  event_attributes AS eventAttributes,
  event_attribute_types AS eventAttributeTypes,
  event_dropped_attributes AS eventDroppedAttributes,
  dropped_events AS droppedEvents,
  arrayMap(id -> lower(hex(id)), link_trace_ids) AS linkTraceIds,
  arrayMap(id -> lower(hex(id)), link_span_ids) AS linkSpanIds,
  link_trace_states AS linkTraceStates,
  link_flags AS linkFlags,
  link_attributes AS linkAttributes,
  link_attribute_types AS linkAttributeTypes,
  link_dropped_attributes AS linkDroppedAttributes,
  dropped_links AS droppedLinks,
  spans.resource AS resource,
  spans.scope AS scope`;
