/** `throughline export`: what came in, given back as OTLP by a running platform, to a file or to another OTLP endpoint. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import type { ReadableStream as WebStream } from 'node:stream/web';
import type { Command } from 'commander';
import { PATHS } from '../../api/contract.ts';
import { Failure } from '../../base/errors.ts';

const SIGNALS = ['traces', 'logs', 'metrics'] as const;
type Signal = (typeof SIGNALS)[number];

interface Options {
	readonly from?: string;
	readonly to?: string;
	readonly service?: string;
	readonly url: string;
	readonly output?: string;
	readonly sendTo?: string;
}

/** How often a long export says how far it is. */
const PROGRESS_MS = 5_000;

export function exportTelemetry(program: Command): void {
	program
		.command('export')
		.description('give stored telemetry back as OTLP JSON, one export request a line')
		.argument('[signals...]', `${SIGNALS.join(', ')} (default: all)`)
		.option('--otlp', 'OTLP JSON; the default, and so far the only form')
		.option('--from <time>', 'ISO 8601, or milliseconds since the epoch; 0 for everything (default: one hour before --to)')
		.option('--to <time>', 'ISO 8601, or milliseconds since the epoch (default: now)')
		.option('--service <name>', 'of this service only')
		.option('--url <url>', 'the running platform', process.env.THROUGHLINE_URL ?? 'http://127.0.0.1:4380')
		.option('-o, --output <file>', 'write here instead of standard output')
		.option('--send-to <url>', 'send to an OTLP/HTTP endpoint instead, e.g. http://collector:4318')
		.action(async (signals: string[], options: Options) => {
			const wrong = signals.find((signal) => !(SIGNALS as readonly string[]).includes(signal));
			if (wrong !== undefined)
				throw new Failure('invalid_argument', `'${wrong}' is no signal`, { hint: `choose of ${SIGNALS.join(', ')}` });
			const chosen = signals.length === 0 ? SIGNALS : (signals as Signal[]);
			const progress = new Progress();
			const sink = options.sendTo === undefined ? fileSink(options.output) : endpointSink(options.sendTo);
			for (const signal of chosen)
				for await (const line of requests(signal, options)) {
					await sink.take(signal, line);
					progress.add(signal, line.length);
				}
			await sink.end();
			progress.end();
		});
}

/** The platform's answer, line by line. Throws `Failure` with what the platform says. */
async function* requests(signal: Signal, { from, to, service, url }: Options): AsyncGenerator<string> {
	const query = new URLSearchParams();
	for (const [key, value] of Object.entries({ from, to, service })) if (value !== undefined) query.set(key, value);
	const answer = await ask(`${url.replace(/\/$/, '')}${PATHS.export.replace(':signal', signal)}?${query}`);
	if (!answer.ok || answer.body === null)
		throw new Failure('invalid_argument', `the platform answers ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
	let rest = '';
	for await (const chunk of Readable.fromWeb(answer.body as WebStream).setEncoding('utf8') as AsyncIterable<string>) {
		const lines = (rest + chunk).split('\n');
		rest = lines.pop() ?? '';
		yield* lines;
	}
	if (rest !== '') throw new Failure('unavailable', 'the answer ended in the middle of a line; what was written before is whole');
}

async function ask(url: string, init: RequestInit = {}): Promise<Response> {
	try {
		return await fetch(url, init);
	} catch (cause) {
		const why = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
		throw new Failure('unavailable', `cannot reach ${new URL(url).origin}: ${why}`, {
			cause,
			hint: 'is it running? name the platform with --url, or THROUGHLINE_URL',
		});
	}
}

interface Sink {
	take(signal: Signal, line: string): Promise<void>;
	end(): Promise<void>;
}

function fileSink(path: string | undefined): Sink {
	const stream: Writable = path === undefined ? process.stdout : createWriteStream(path);
	const failed = once(stream, 'error').then(([error]: unknown[]) => {
		throw new Failure('unavailable', `cannot write: ${(error as Error).message}`, { cause: error });
	});
	// Read below, with whatever waits for the stream.
	failed.catch(() => {});
	return {
		async take(_signal, line) {
			if (!stream.write(`${line}\n`)) await Promise.race([once(stream, 'drain'), failed]);
		},
		async end() {
			if (path === undefined) return;
			stream.end();
			await Promise.race([once(stream, 'close'), failed]);
		},
	};
}

function endpointSink(endpoint: string): Sink {
	return {
		async take(signal, line) {
			const answer = await ask(`${endpoint.replace(/\/$/, '')}/v1/${signal}`, {
				method: 'POST',
				headers: { 'content-type': 'application/json' },
				body: line,
			});
			const text = await answer.text();
			if (!answer.ok) throw new Failure('unavailable', `${endpoint} answers ${answer.status}: ${text.slice(0, 500)}`);
			if (/"rejected\w+"/.test(text)) process.stderr.write(`${endpoint} took a part of a request: ${text.slice(0, 500)}\n`);
		},
		async end() {},
	};
}

/** Says on standard error how far it is, as standard output is the data. */
class Progress {
	readonly #requests = new Map<Signal, number>();
	#bytes = 0;
	#saidMs = Date.now();

	add(signal: Signal, bytes: number): void {
		this.#requests.set(signal, (this.#requests.get(signal) ?? 0) + 1);
		this.#bytes += bytes;
		if (Date.now() - this.#saidMs >= PROGRESS_MS) this.end();
	}

	end(): void {
		this.#saidMs = Date.now();
		const counts = [...this.#requests].map(([signal, count]) => `${count} requests of ${signal}`);
		process.stderr.write(`${counts.join(', ') || 'nothing in this range'}, ${(this.#bytes / 1e6).toFixed(1)} MB\n`);
	}
}
