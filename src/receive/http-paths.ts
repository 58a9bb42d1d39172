/** Paths that are not OTLP's: most requests that miss were meant for another protocol, and the answer says where to send instead. */

import { Failure } from '../base/errors.ts';

const OTHERS: readonly { readonly path: RegExp; readonly about: string }[] = [
	{ path: /^\/api\/traces\/?$/, about: "this looks like Jaeger's Thrift protocol, which is not received" },
	{
		path: /^\/(api\/v[12]\/)?spans\/?$/,
		about: "this looks like Zipkin's protocol: v2 JSON is received on a port of its own, by default 9411, where zipkin.enabled is set",
	},
	{ path: /^\/v1development\/profiles\/?$/, about: 'profiles are not received' },
	{ path: /^\/(api\/v1\/)?write\/?$/, about: 'this looks like Prometheus remote write, which is not received' },
	{ path: /^\/loki\//, about: "this looks like Loki's push protocol, which is not received" },
	{
		path: /^\/opentelemetry\.proto\.collector\./,
		about: 'this looks like gRPC, which is received on the other OTLP port, by default 4317',
	},
	{ path: /^\/?$/, about: 'the user interface is on another port, by default 4380' },
];

export function notFound(path: string, host: string | undefined): Failure {
	const origin = `http://${/^[\w.:[\]-]{1,255}$/.test(host ?? '') ? host : 'localhost:4318'}`;
	const about = OTHERS.find((other) => other.path.test(path))?.about ?? `there is nothing at '${path.slice(0, 100)}'`;
	return new Failure(
		'not_found',
		`${about}; send OTLP/HTTP (protobuf or JSON) with POST to ${origin}/v1/traces, /v1/metrics or /v1/logs, or OTLP/gRPC to its own port, by default 4317`,
	);
}
