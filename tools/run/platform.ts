/** Starts the platform as its users do: the real command in a process of its own. For the demo, the tests and the benches. */

import { join, resolve } from 'node:path';
import { type Running, run } from './process.ts';

const root = resolve(import.meta.dirname, '../..');

export interface PlatformOptions {
	readonly dataDir: string;
	/** 0 takes a free port. */
	readonly apiPort?: number;
	readonly otlpGrpcPort?: number;
	readonly otlpHttpPort?: number;
	readonly env?: Readonly<Record<string, string>>;
	readonly logFile?: string;
	/** For Node itself, e.g. `--cpu-prof`. */
	readonly nodeArgs?: readonly string[];
}

export interface Platform extends Running {
	readonly apiUrl: string;
	readonly otlpGrpcUrl: string;
	readonly otlpHttpUrl: string;
}

export async function startPlatform(options: PlatformOptions): Promise<Platform> {
	const running = await run({
		name: 'platform',
		command: process.execPath,
		args: [...(options.nodeArgs ?? []), join(root, 'src/cli/main.ts'), 'serve'],
		env: {
			THROUGHLINE_DATA_DIR: options.dataDir,
			THROUGHLINE_API_PORT: String(options.apiPort ?? 0),
			THROUGHLINE_OTLP_GRPC_PORT: String(options.otlpGrpcPort ?? 0),
			THROUGHLINE_OTLP_HTTP_PORT: String(options.otlpHttpPort ?? 0),
			...options.env,
		},
		logFile: options.logFile ?? `${options.dataDir}.log`,
		ready: /^ready (?<api>\S+) otlp-grpc (?<grpc>\S+) otlp-http (?<http>\S+)/,
		stopTimeoutMs: 20_000,
	});
	const { api = '', grpc = '', http = '' } = running.ready.groups ?? {};
	return { ...running, apiUrl: api, otlpGrpcUrl: grpc, otlpHttpUrl: http };
}
