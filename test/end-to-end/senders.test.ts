/** Real exporters of JavaScript, Go and Rust: what they put on the wire is what the platform gives back, record by record. */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { compareSent, SIGNALS } from './compare.ts';
import { sendFromJavaScript } from './javascript-sender.ts';
import { type Signal, startTee, type Tee } from './tee.ts';

const root = resolve(import.meta.dirname, '../..');
const goSender = join(root, 'examples/shop/bin/senders-go');
const rustSender = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/senders-rust');

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
	});

	afterAll(async () => {
		await tee?.stop();
		await platform?.stop();
		rmSync(folder, { recursive: true, force: true });
	});

	const compare = (send: () => Promise<void> | void, expected?: readonly Signal[]) => compareSent({ platform, tee }, send, expected);

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
