/** Builds the two programs the benchmark needs besides the platform, into target/: the load generator, and the Collector by its own builder. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const here = import.meta.dirname;
const target = resolve(here, '../../target/bench-ingest');
const BUILDER = 'go.opentelemetry.io/collector/cmd/builder@v0.165.0';

export interface Programs {
	readonly load: string;
	readonly collector: string;
	/** Where the benchmark may write. */
	readonly folder: string;
}

/** Takes minutes the first time. Throws when Go is missing or a build fails. */
export function build(): Programs {
	if (spawnSync('go', ['version']).status !== 0)
		throw new Error('Go is missing: the load generator and the Collector are built with it (https://go.dev/dl)');
	mkdirSync(target, { recursive: true });
	const load = join(target, 'load');
	step('load generator', 'go', ['build', '-o', load, '.'], join(here, 'load'));
	const collector = join(target, 'otelcol/otelcol');
	const manifest = join(here, 'collector/builder.yaml');
	const built = join(target, 'builder.yaml');
	const current = existsSync(collector) && existsSync(built) && readFileSync(built, 'utf8') === readFileSync(manifest, 'utf8');
	if (!current) {
		step('OpenTelemetry Collector (minutes)', 'go', ['run', BUILDER, '--config', manifest], target);
		copyFileSync(manifest, built);
	}
	return { load, collector, folder: target };
}

function step(what: string, command: string, args: string[], cwd: string): void {
	console.log(`building: ${what}`);
	const result = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 64 << 20 });
	if (result.status !== 0) throw new Error(`cannot build ${what}:\n${result.stdout}\n${result.stderr}`);
}
