/**
 * The OTLP messages as their JSON names, field numbers and wire kinds: what the transcoder needs to know of the .proto files.
 *
 * A name is given in snake_case, as in the .proto; lowerCamelCase, the only form the specification allows, is derived, and both are
 * accepted as the OpenTelemetry Collector does.
 */

import { ByteSource } from '../../base/byte-buffer.ts';
import { utf8Bytes } from '../../base/utf8.ts';
import { Dictionary } from '../../model/columns/dictionary.ts';
import type { Signal } from '../../model/schema.ts';

export type Kind =
	| 'string'
	/** Base64 in JSON. */
	| 'bytes'
	/** Bytes that are hexadecimal in JSON: trace and span ids. */
	| 'id'
	| 'bool'
	| 'int32'
	| 'uint32'
	| 'sint32'
	| 'int64'
	| 'uint64'
	| 'fixed32'
	| 'fixed64'
	| 'sfixed64'
	| 'double'
	| 'enum'
	| 'message';

export interface Field {
	readonly name: string;
	readonly number: number;
	readonly kind: Kind;
	readonly repeated: boolean;
	/** Of kind `message`. */
	readonly message: Message | undefined;
	/** Of kind `enum`: old senders write names. */
	readonly values: ReadonlyMap<string, number> | undefined;
}

/** A message's fields by the number of their name in `NAMES`. */
export interface Message {
	readonly fields: readonly (Field | undefined)[];
}

/** All field names of all messages, both forms: a name is looked up by its bytes, without making a string of it. */
export const NAMES: Dictionary = new Dictionary();

interface FieldOptions {
	readonly repeated?: boolean;
	readonly message?: Message;
	readonly values?: ReadonlyMap<string, number>;
}

type FieldEntry = readonly [name: string, number: number, kind: Kind, options?: FieldOptions];

function message(...entries: readonly FieldEntry[]): Message {
	const built: { fields: (Field | undefined)[] } = { fields: [] };
	for (const entry of entries) addField(built.fields, entry);
	return built;
}

function addField(fields: (Field | undefined)[], [name, number, kind, options]: FieldEntry): void {
	const field = { name, number, kind, repeated: options?.repeated ?? false, message: options?.message, values: options?.values };
	for (const form of [name, name.replace(/_(.)/g, (_, char: string) => char.toUpperCase())]) {
		const bytes = utf8Bytes(form);
		fields[NAMES.intern(new ByteSource(bytes), 0, bytes.length)] = field;
	}
}

/** The values of an enum whose names share a prefix and count up from 0. */
function enumValues(prefix: string, names: readonly string[]): ReadonlyMap<string, number> {
	return new Map(names.map((name, i) => [prefix + name, i]));
}

const SPAN_KINDS = enumValues('SPAN_KIND_', ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']);
const STATUS_CODES = enumValues('STATUS_CODE_', ['UNSET', 'OK', 'ERROR']);
const TEMPORALITIES = enumValues('AGGREGATION_TEMPORALITY_', ['UNSPECIFIED', 'DELTA', 'CUMULATIVE']);
const SEVERITIES = enumValues('SEVERITY_NUMBER_', [
	'UNSPECIFIED',
	...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name) => [name, `${name}2`, `${name}3`, `${name}4`]),
]);

const REPEATED = { repeated: true } as const;

/** `AnyValue` and what it holds refer to one another, so the fields that do are added last. */
const ANY_VALUE_FIELDS: (Field | undefined)[] = [];
const ANY_VALUE: Message = { fields: ANY_VALUE_FIELDS };
const KEY_VALUE = message(['key', 1, 'string'], ['value', 2, 'message', { message: ANY_VALUE }]);
const ARRAY_VALUE = message(['values', 1, 'message', { repeated: true, message: ANY_VALUE }]);
const KEY_VALUE_LIST = message(['values', 1, 'message', { repeated: true, message: KEY_VALUE }]);
addField(ANY_VALUE_FIELDS, ['string_value', 1, 'string']);
addField(ANY_VALUE_FIELDS, ['bool_value', 2, 'bool']);
addField(ANY_VALUE_FIELDS, ['int_value', 3, 'int64']);
addField(ANY_VALUE_FIELDS, ['double_value', 4, 'double']);
addField(ANY_VALUE_FIELDS, ['array_value', 5, 'message', { message: ARRAY_VALUE }]);
addField(ANY_VALUE_FIELDS, ['kvlist_value', 6, 'message', { message: KEY_VALUE_LIST }]);
addField(ANY_VALUE_FIELDS, ['bytes_value', 7, 'bytes']);

const ATTRIBUTES: FieldOptions = { repeated: true, message: KEY_VALUE };

const ENTITY_REF = message(
	['schema_url', 1, 'string'],
	['type', 2, 'string'],
	['id_keys', 3, 'string', REPEATED],
	['description_keys', 4, 'string', REPEATED],
);
const RESOURCE = message(
	['attributes', 1, 'message', ATTRIBUTES],
	['dropped_attributes_count', 2, 'uint32'],
	['entity_refs', 3, 'message', { repeated: true, message: ENTITY_REF }],
);
const SCOPE = message(
	['name', 1, 'string'],
	['version', 2, 'string'],
	['attributes', 3, 'message', ATTRIBUTES],
	['dropped_attributes_count', 4, 'uint32'],
);

/** The two envelope messages and the request, which differ between signals in two names only. */
function request(resources: string, scopes: string, records: string, record: Message): Message {
	const scope = message(
		['scope', 1, 'message', { message: SCOPE }],
		[records, 2, 'message', { repeated: true, message: record }],
		['schema_url', 3, 'string'],
	);
	const resource = message(
		['resource', 1, 'message', { message: RESOURCE }],
		[scopes, 2, 'message', { repeated: true, message: scope }],
		['schema_url', 3, 'string'],
	);
	return message([resources, 1, 'message', { repeated: true, message: resource }]);
}

const SPAN = message(
	['trace_id', 1, 'id'],
	['span_id', 2, 'id'],
	['trace_state', 3, 'string'],
	['parent_span_id', 4, 'id'],
	['name', 5, 'string'],
	['kind', 6, 'enum', { values: SPAN_KINDS }],
	['start_time_unix_nano', 7, 'fixed64'],
	['end_time_unix_nano', 8, 'fixed64'],
	['attributes', 9, 'message', ATTRIBUTES],
	['dropped_attributes_count', 10, 'uint32'],
	[
		'events',
		11,
		'message',
		{
			repeated: true,
			message: message(
				['time_unix_nano', 1, 'fixed64'],
				['name', 2, 'string'],
				['attributes', 3, 'message', ATTRIBUTES],
				['dropped_attributes_count', 4, 'uint32'],
			),
		},
	],
	['dropped_events_count', 12, 'uint32'],
	[
		'links',
		13,
		'message',
		{
			repeated: true,
			message: message(
				['trace_id', 1, 'id'],
				['span_id', 2, 'id'],
				['trace_state', 3, 'string'],
				['attributes', 4, 'message', ATTRIBUTES],
				['dropped_attributes_count', 5, 'uint32'],
				['flags', 6, 'fixed32'],
			),
		},
	],
	['dropped_links_count', 14, 'uint32'],
	['status', 15, 'message', { message: message(['message', 2, 'string'], ['code', 3, 'enum', { values: STATUS_CODES }]) }],
	['flags', 16, 'fixed32'],
);

const LOG_RECORD = message(
	['time_unix_nano', 1, 'fixed64'],
	['severity_number', 2, 'enum', { values: SEVERITIES }],
	['severity_text', 3, 'string'],
	['body', 5, 'message', { message: ANY_VALUE }],
	['attributes', 6, 'message', ATTRIBUTES],
	['dropped_attributes_count', 7, 'uint32'],
	['flags', 8, 'fixed32'],
	['trace_id', 9, 'id'],
	['span_id', 10, 'id'],
	['observed_time_unix_nano', 11, 'fixed64'],
	['event_name', 12, 'string'],
);

const EXEMPLARS: FieldOptions = {
	repeated: true,
	message: message(
		['time_unix_nano', 2, 'fixed64'],
		['as_double', 3, 'double'],
		['span_id', 4, 'id'],
		['trace_id', 5, 'id'],
		['as_int', 6, 'sfixed64'],
		['filtered_attributes', 7, 'message', ATTRIBUTES],
	),
};
const START: FieldEntry = ['start_time_unix_nano', 2, 'fixed64'];
const TIME: FieldEntry = ['time_unix_nano', 3, 'fixed64'];
const BUCKETS: FieldOptions = { message: message(['offset', 1, 'sint32'], ['bucket_counts', 2, 'uint64', REPEATED]) };

const NUMBER_POINT = message(
	START,
	TIME,
	['as_double', 4, 'double'],
	['exemplars', 5, 'message', EXEMPLARS],
	['as_int', 6, 'sfixed64'],
	['attributes', 7, 'message', ATTRIBUTES],
	['flags', 8, 'uint32'],
);
const HISTOGRAM_POINT = message(
	START,
	TIME,
	['count', 4, 'fixed64'],
	['sum', 5, 'double'],
	['bucket_counts', 6, 'fixed64', REPEATED],
	['explicit_bounds', 7, 'double', REPEATED],
	['exemplars', 8, 'message', EXEMPLARS],
	['attributes', 9, 'message', ATTRIBUTES],
	['flags', 10, 'uint32'],
	['min', 11, 'double'],
	['max', 12, 'double'],
);
const EXPONENTIAL_POINT = message(
	['attributes', 1, 'message', ATTRIBUTES],
	START,
	TIME,
	['count', 4, 'fixed64'],
	['sum', 5, 'double'],
	['scale', 6, 'sint32'],
	['zero_count', 7, 'fixed64'],
	['positive', 8, 'message', BUCKETS],
	['negative', 9, 'message', BUCKETS],
	['flags', 10, 'uint32'],
	['exemplars', 11, 'message', EXEMPLARS],
	['min', 12, 'double'],
	['max', 13, 'double'],
	['zero_threshold', 14, 'double'],
);
const SUMMARY_POINT = message(
	START,
	TIME,
	['count', 4, 'fixed64'],
	['sum', 5, 'double'],
	['quantile_values', 6, 'message', { repeated: true, message: message(['quantile', 1, 'double'], ['value', 2, 'double']) }],
	['attributes', 7, 'message', ATTRIBUTES],
	['flags', 8, 'uint32'],
);

function metricData(point: Message, ...rest: readonly FieldEntry[]): FieldOptions {
	return { message: message(['data_points', 1, 'message', { repeated: true, message: point }], ...rest) };
}

const TEMPORALITY: FieldEntry = ['aggregation_temporality', 2, 'enum', { values: TEMPORALITIES }];

const METRIC = message(
	['name', 1, 'string'],
	['description', 2, 'string'],
	['unit', 3, 'string'],
	['gauge', 5, 'message', metricData(NUMBER_POINT)],
	['sum', 7, 'message', metricData(NUMBER_POINT, TEMPORALITY, ['is_monotonic', 3, 'bool'])],
	['histogram', 9, 'message', metricData(HISTOGRAM_POINT, TEMPORALITY)],
	['exponential_histogram', 10, 'message', metricData(EXPONENTIAL_POINT, TEMPORALITY)],
	['summary', 11, 'message', metricData(SUMMARY_POINT)],
	['metadata', 12, 'message', ATTRIBUTES],
);

/** `Export*ServiceRequest` of each signal. */
export const REQUESTS: Readonly<Record<Signal, Message>> = {
	traces: request('resource_spans', 'scope_spans', 'spans', SPAN),
	logs: request('resource_logs', 'scope_logs', 'log_records', LOG_RECORD),
	metrics: request('resource_metrics', 'scope_metrics', 'metrics', METRIC),
};
