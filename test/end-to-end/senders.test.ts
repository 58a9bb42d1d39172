/** Real exporters of JavaScript, Go and Rust: what they put on the wire is what the platform gives back, record by record. */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { canonicalRecords } from '../otlp/canonical.ts';
import { sendFromJavaScript } from './javascript-sender.ts';
import { decodeReference } from './reference.ts';
import { type Captured, type Signal, startTee, type Tee } from './tee.ts';

const root = resolve(import.meta.dirname, '../..');
const goSender = join(root, 'examples/shop/bin/senders-go');
const rustSender = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/senders-rust');
const SIGNALS: readonly Signal[] = ['traces', 'logs', 'metrics'];

/** Runs a sender without stopping the tee, which lives in this process. Throws with its output when it fails. */
async function runAside(program: string, args: readonly string[]): Promise<void> {
	await promisify(execFile)(program, [...args], { timeout: 60_000 });
}

describe('senders', () => {
	const folder = mkdtempSync(join(tmpdir(), 'senders-'));
	let platform: Platform;
	let tee: Tee;

	beforeAll(async () => {
		platform = await startPlatform({ dataDir: join(folder, 'data'), env: { THROUGHLINE_TELEMETRY_TRACES: 'false' } });
		tee = await startTee(platform);
	}, 60_000);

	afterAll(async () => {
		await tee?.stop();
		await platform?.stop();
		rmSync(folder, { recursive: true, force: true });
	}, 60_000);

	/** Everything stored of one signal, as canonical records. */
	async function stored(signal: Signal): Promise<string[]> {
		const answer = await fetch(`${platform.apiUrl}/api/v1/export/${signal}?from=0`);
		expect(answer.status).toBe(200);
		const lines = (await answer.text()).split('\n').filter((line) => line !== '');
		return lines.flatMap((line) => canonicalRecords(signal, JSON.parse(line) as Record<string, unknown>)).toSorted();
	}

	/** Runs a sender, then compares what the tee saw with what came into the store since. */
	async function compare(send: () => Promise<void> | void, expected: readonly Signal[] = SIGNALS): Promise<Captured[]> {
		const before = new Map<Signal, string[]>();
		for (const signal of SIGNALS) before.set(signal, await stored(signal));
		await send();
		const captured = tee.take();
		expect(captured.filter(({ status }) => status !== 0 && status !== 200)).toEqual([]);
		for (const signal of expected) {
			const sent = captured.filter((one) => one.signal === signal).flatMap((one) => canonicalRecords(signal, decodeReference(one)));
			expect(sent.length, signal).toBeGreaterThan(0);
			const wanted = [...(before.get(signal) ?? []), ...sent].toSorted();
			let got: string[] = [];
			for (let attempt = 0; attempt < 100 && got.length < wanted.length; attempt++) {
				await new Promise((settle) => setTimeout(settle, 100));
				got = await stored(signal);
			}
			expect(got).toEqual(wanted);
		}
		return captured;
	}

	test('payloads like those published with opentelemetry-proto', async () => {
		await compare(async () => {
			for (const signal of SIGNALS) {
				const body = readFileSync(join(import.meta.dirname, `payloads/${signal}.json`));
				const answer = await fetch(`${tee.httpUrl}/v1/${signal}`, {
					method: 'POST',
					headers: { 'content-type': 'application/json' },
					body,
				});
				expect(await answer.text()).toBe('{}');
			}
		});
	});

	test.each([
		['http/protobuf', 'gzip'],
		['http/protobuf', 'none'],
		['http/json', 'none'],
		['grpc', 'gzip'],
	] as const)('JavaScript, %s, %s', async (protocol, compression) => {
		const endpoint = protocol === 'grpc' ? tee.grpcUrl : tee.httpUrl;
		await compare(() => sendFromJavaScript({ protocol, compression, endpoint }), protocol === 'http/protobuf' ? SIGNALS : ['traces']);
	});

	test.skipIf(!existsSync(goSender)).each([
		['grpc', 'none'],
		['grpc', 'gzip'],
		['http/protobuf', 'none'],
		['http/protobuf', 'gzip'],
	])('Go, %s, %s', async (protocol, compression) => {
		const endpoint = protocol === 'grpc' ? tee.grpcUrl : tee.httpUrl;
		await compare(() =>
			runAside(goSender, ['-signal', 'all', '-protocol', protocol, '-compression', compression, '-endpoint', endpoint, '-spans', '50']),
		);
	});

	test.skipIf(!existsSync(rustSender)).each([
		['grpc', 'none'],
		['grpc', 'gzip'],
		['http/protobuf', 'none'],
		['http/protobuf', 'gzip'],
		['http/json', 'none'],
	])('Rust, %s, %s', async (protocol, compression) => {
		const endpoint = protocol === 'grpc' ? tee.grpcUrl : tee.httpUrl;
		await compare(() =>
			runAside(rustSender, ['--protocol', protocol, '--compression', compression, '--endpoint', endpoint, '--spans', '50']),
		);
	});
});
