/**
 * Replays telemetry recorded from the shop (`examples/shop/recording.jsonl.gz`), shifted to now, again and again. Each line of the
 * recording is `{"signal":"traces","offsetMs":120,"body":{…OTLP JSON…}}` in order of `offsetMs`; `tools/record.ts` makes it.
 */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

export const RECORDING = resolve(import.meta.dirname, '../examples/shop/recording.jsonl.gz');

interface Line {
	readonly signal: 'traces' | 'logs' | 'metrics';
	readonly offsetMs: number;
	/** The request's text with every timestamp as sent. */
	readonly text: string;
}

export interface Recording {
	/** When the recording began, milliseconds since the epoch. */
	readonly startedMs: number;
	readonly durationMs: number;
	readonly lines: readonly Line[];
}

export function readRecording(file = RECORDING): Recording {
	const [head = '{}', ...rest] = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
	const { startedMs } = JSON.parse(head) as { startedMs: number };
	const lines = rest.map((line): Line => {
		const { signal, offsetMs, body } = JSON.parse(line) as { signal: Line['signal']; offsetMs: number; body: unknown };
		return { signal, offsetMs, text: JSON.stringify(body) };
	});
	return { startedMs, durationMs: (lines.at(-1)?.offsetMs ?? 0) + 1000, lines };
}

/** Moves every timestamp by `deltaMs`, and gives trace and span ids a new first digit pair so that each round is new traces. */
export function shift(text: string, deltaMs: number, round: number): string {
	const deltaNs = BigInt(Math.round(deltaMs)) * 1_000_000n;
	const mark = (round & 0xff).toString(16).padStart(2, '0');
	return text
		.replace(/"(\w*[tT]imeUnixNano)":"(\d+)"/g, (_, field: string, ns: string) => `"${field}":"${ns === '0' ? ns : BigInt(ns) + deltaNs}"`)
		.replace(/"traceId":"[0-9a-f]{2}([0-9a-f]{30})"/g, (_, rest: string) => `"traceId":"${mark}${rest}"`);
}

/** Starts replaying to an OTLP/HTTP endpoint; the function it returns stops it. */
export function replay(otlpHttpUrl: string): () => Promise<void> {
	const stopping = new AbortController();
	const done = loop(otlpHttpUrl, stopping.signal);
	return async () => {
		stopping.abort();
		await done;
	};
}

async function loop(otlpHttpUrl: string, signal: AbortSignal): Promise<void> {
	const recording = readRecording();
	for (let round = 1; !signal.aborted; round++) {
		const startedMs = Date.now();
		for (const line of recording.lines) {
			await pause(startedMs + line.offsetMs - Date.now(), signal);
			if (signal.aborted) return;
			await send(otlpHttpUrl, line.signal, shift(line.text, startedMs - recording.startedMs, round), signal);
		}
		await pause(startedMs + recording.durationMs - Date.now(), signal);
	}
}

async function send(otlpHttpUrl: string, kind: Line['signal'], body: string, signal: AbortSignal): Promise<void> {
	try {
		const answer = await fetch(`${otlpHttpUrl}/v1/${kind}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body,
			signal,
		});
		if (!answer.ok) console.error(`replay: ${kind} answered ${answer.status}: ${await answer.text()}`);
	} catch (error) {
		if (!signal.aborted) console.error(`replay: ${(error as Error).message}`);
	}
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	if (ms <= 0 || signal.aborted) return Promise.resolve();
	return new Promise((settle) => {
		const timer = setTimeout(settle, ms);
		signal.addEventListener(
			'abort',
			() => {
				clearTimeout(timer);
				settle();
			},
			{ once: true },
		);
	});
}
