/** `throughline buffer`, the real command: looks, verifies, sends back, and keeps its hands off a buffer in use. */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemTimer } from '../../src/base/timer.ts';
import { parseKeys, SegmentBuffer } from '../../src/buffer/buffer.ts';
import { realFiles } from '../../src/buffer/files.ts';
import { Block } from '../../src/model/block.ts';
import { encodeNative } from '../../src/model/native.ts';
import { SPANS } from '../../src/model/schema.ts';
import { decode } from '../../src/otlp/decode.ts';
import { startPlatform } from '../../tools/run/platform.ts';
import { missing, readAccounts } from './accounts.ts';
import { spanRequest } from './sending.ts';

const folder = mkdtempSync(join(tmpdir(), 'buffer-command-'));
const dataDir = join(folder, 'data');
const directory = join(dataDir, 'buffer');
const keys = `k1:${randomBytes(32).toString('base64')}`;
const env = {
	...process.env,
	THROUGHLINE_DATA_DIR: dataDir,
	THROUGHLINE_BUFFER_ENCRYPTION_KEYS: keys,
	THROUGHLINE_TELEMETRY_TRACES: 'false',
};
const SPANS_EACH = 25;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
	readonly code: number;
	readonly out: string;
	readonly err: string;
}

function throughline(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Outcome> {
	return new Promise((resolve) => {
		const main = join(import.meta.dirname, '../../src/cli/main.ts');
		execFile(process.execPath, [main, 'buffer', ...args], { env: { ...env, ...more } }, (error, out, err) =>
			resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
		);
	});
}

/** Two dead letters and one segment that waits, each with a request's spans, as a platform without a working engine leaves them. */
beforeAll(async () => {
	const payload = (): Uint8Array => {
		const block = new Block(SPANS.columns);
		decode('traces', Buffer.from(spanRequest({ service: 'shop', spans: SPANS_EACH }).body), 'json', block, Date.now());
		return encodeNative(block);
	};
	let refuses = true;
	const buffer = await SegmentBuffer.open({
		directory,
		loader: {
			load: () => Promise.reject(refuses ? new Failure('malformed', 'no such column') : new Failure('unavailable', 'away')),
			check: () => Promise.resolve(),
		},
		limits: { sealAfterMs: 10, freeBytesMin: 0 },
		keys: parseKeys([keys]),
		files: realFiles,
		clock: systemClock,
		timer: systemTimer,
		random: randomBytes,
		log: silentLog,
	});
	for (const letters of [1, 2]) {
		await buffer.append([{ table: SPANS.table, rows: SPANS_EACH, payload: payload() }]);
		await vi.waitFor(() => expect(buffer.stats().deadLetterFiles).toBe(letters), 20_000);
	}
	refuses = false;
	await buffer.append([{ table: SPANS.table, rows: SPANS_EACH, payload: payload() }]);
	await buffer.close({ drainMs: 0 });
});

test('inspect tells what waits and what was put aside, and why, without a key', async () => {
	const { code, out } = await throughline(['inspect'], { THROUGHLINE_BUFFER_ENCRYPTION_KEYS: '' });
	expect(code).toBe(0);
	expect(out.match(/^buffer .* sealed .* 25 spans_live +k1$/gm)?.length).toBe(1);
	expect(out.match(/^dead-letter .* sealed .* 25 spans_live +k1$/gm)?.length).toBe(2);
	expect(out).toContain('no such column');

	const json = await throughline(['inspect', '--json']);
	const first = JSON.parse(json.out.split('\n')[0] ?? '') as { id: string };
	expect(first).toMatchObject({ place: 'buffer', state: 'sealed', records: 1, rows: { spans_live: 25 }, damage: [], keyId: 'k1' });
	const one = await throughline(['inspect', '--segment', first.id]);
	expect(one.out).toMatch(/^ +0 {2}spans_live {2}25 rows/m);
	expect((await throughline(['inspect', '--segment', 'none'])).code).toBe(1);
});

test('verify finds nothing wrong with what is whole, names a missing key, and finds one flipped bit', async () => {
	expect(await throughline(['verify'])).toMatchObject({
		code: 0,
		out: expect.stringContaining('3 segments, 3 records, 75 rows') as string,
	});
	const keyless = await throughline(['verify'], { THROUGHLINE_BUFFER_ENCRYPTION_KEYS: '' });
	expect(keyless.code).toBe(1);
	expect(keyless.out).toContain("encrypted with the key 'k1'");
	expect((await throughline(['verify', '--checksums-only'], { THROUGHLINE_BUFFER_ENCRYPTION_KEYS: '' })).code).toBe(0);

	const [name = ''] = readdirSync(directory).filter((file) => file.endsWith('.sealed'));
	const whole = readFileSync(join(directory, name));
	const flipped = Buffer.from(whole);
	flipped[whole.length - 10] = (flipped[whole.length - 10] ?? 0) ^ 4;
	writeFileSync(join(directory, name), flipped);
	const found = await throughline(['verify']);
	expect(found.code).toBe(1);
	expect(found.out).toMatch(/damaged: \d+ bytes from offset \d+, .* 25 spans_live known to be lost/);
	writeFileSync(join(directory, name), whole);
	expect((await throughline(['verify', '--data.dir', join(folder, 'nowhere')])).err).toContain('there is no');
});

test('replay keeps off a buffer in use, and what it sends back is loaded once', async () => {
	const first = await startPlatform({ dataDir, env });
	await expect.poll(async () => (await readAccounts(first.apiUrl)).traces.stored, { timeout: 20_000 }).toBe(SPANS_EACH);
	expect((await throughline(['inspect'])).code).toBe(0);
	expect((await throughline(['verify'])).code).toBe(0);
	const busy = await throughline(['replay']);
	expect(busy.code).toBe(1);
	expect(busy.err).toMatch(/another process \(pid \d+\) uses the data directory/);
	await first.stop();

	const copies = join(directory, 'dead-letter');
	const replayed = await throughline(['replay']);
	expect(replayed).toMatchObject({ code: 0, err: '' });
	expect(replayed.out).toContain('2 segments with 50 rows will be loaded when the platform starts');
	expect(readdirSync(copies)).toEqual([]);

	const second = await startPlatform({ dataDir, env });
	try {
		await expect
			.poll(async () => (await readAccounts(second.apiUrl)).traces, { timeout: 20_000 })
			.toMatchObject({ stored: 50, inFlight: 0 });
		expect(missing((await readAccounts(second.apiUrl)).traces)).toBe(0);
		const answer = await fetch(`${second.apiUrl}/api/v1/services`);
		expect(JSON.stringify(await answer.json())).toContain('shop');
	} finally {
		await second.stop();
	}
});
