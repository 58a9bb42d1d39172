/** Runs the load generator once and reads its report. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Mode {
	readonly transport: 'grpc' | 'http';
	readonly gzip: boolean;
}

export interface Offer extends Mode {
	readonly rate: number;
	readonly seconds: number;
	/** How long ago the spans were, as Go writes durations. */
	readonly age?: string;
	/** Where traces are asked for, to time how long they take to be found. */
	readonly probe?: string;
}

/** As `load/send.go` writes it. */
export interface Report {
	readonly offered: number;
	readonly acknowledged: number;
	readonly failed: number;
	readonly first_error?: string;
	readonly seconds: number;
	readonly ack_p50_ms: number;
	readonly ack_p99_ms: number;
	readonly ack_max_ms: number;
	readonly probes: number;
	readonly probes_missing: number;
	readonly searchable_p50_ms: number;
	readonly searchable_p99_ms: number;
	readonly wire_bytes_per_span: number;
	readonly generator_cpu_us_per_span: number;
}

export async function send(program: string, endpoints: Readonly<Record<Mode['transport'], string>>, offer: Offer): Promise<Report> {
	const flags = [
		`-transport=${offer.transport}`,
		`-endpoint=${endpoints[offer.transport]}`,
		`-gzip=${offer.gzip}`,
		`-rate=${offer.rate}`,
		`-duration=${offer.seconds}s`,
		`-age=${offer.age ?? '0s'}`,
		`-probe=${offer.probe ?? ''}`,
	];
	const { stdout } = await promisify(execFile)(program, ['send', ...flags]);
	return JSON.parse(stdout) as Report;
}
