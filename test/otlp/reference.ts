/** OTLP as protobufjs sees it: another implementation to encode with and to compare against. */

import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import type { Signal } from '../../src/model/schema.ts';

export const PROTO_DIRECTORY: string = fileURLToPath(new URL('proto', import.meta.url));

export const SERVICE_PROTO: Readonly<Record<Signal, string>> = {
	traces: 'opentelemetry/proto/collector/trace/v1/trace_service.proto',
	logs: 'opentelemetry/proto/collector/logs/v1/logs_service.proto',
	metrics: 'opentelemetry/proto/collector/metrics/v1/metrics_service.proto',
};

const root = new protobuf.Root();
root.resolvePath = (_, target) => `${PROTO_DIRECTORY}/${target}`;
root.loadSync(Object.values(SERVICE_PROTO));

export const REQUEST_TYPE: Readonly<Record<Signal, protobuf.Type>> = {
	traces: root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest'),
	logs: root.lookupType('opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest'),
	metrics: root.lookupType('opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest'),
};

export const RESPONSE_TYPE: Readonly<Record<Signal, protobuf.Type>> = {
	traces: root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse'),
	logs: root.lookupType('opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse'),
	metrics: root.lookupType('opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse'),
};

/** Encodes a request given as a plain object in lowerCamelCase; ids and bytes as `Uint8Array`, 64-bit numbers as decimal strings. */
export function encodeRequest(signal: Signal, request: object): Uint8Array {
	const type = REQUEST_TYPE[signal];
	return Uint8Array.from(type.encode(type.fromObject(request)).finish());
}
