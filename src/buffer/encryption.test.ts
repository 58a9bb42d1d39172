import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import { type LoadBatch, SegmentBuffer } from './buffer.ts';
import { type Keyring, NO_KEYS, parseKeys, SegmentCipher } from './encryption.ts';
import { realFiles } from './files.ts';
import { scanSegment, surveySegment } from './scan.ts';
import { encodeSegment, HEADER_BYTES, type SegmentRecord, segmentId } from './segment.ts';

const ID = segmentId(1_700_000_000_000, 7, Uint8Array.from([0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4]));
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const ring = (writing: string, ...fills: number[]): Keyring => ({ writing, keys: new Map(fills.map((fill) => [`k${fill}`, key(fill)])) });
const records = (count: number): SegmentRecord[] =>
	Array.from({ length: count }, (_, sequence) => ({
		table: 'spans',
		rows: sequence + 1,
		sequence,
		payload: new TextEncoder().encode(`secret ${sequence}`),
	}));
const encrypted = (count: number): Uint8Array<ArrayBuffer> =>
	new Uint8Array(encodeSegment(ID, records(count), new SegmentCipher('k1', key(1), ID)));
const texts = (list: readonly SegmentRecord[]): string[] => list.map(({ payload }) => Buffer.from(payload).toString());

describe('an encrypted segment', () => {
	test('reads back, and shows nothing to whoever has only the file', () => {
		const bytes = encrypted(3);
		expect(texts(scanSegment(ID, bytes, ring('k2', 2, 1)).records)).toEqual(['secret 0', 'secret 1', 'secret 2']);
		expect(Buffer.from(bytes).includes('secret')).toBe(false);
		expect(surveySegment(ID, bytes)).toMatchObject({ damage: [], header: { keyId: 'k1' } });
		expect(surveySegment(ID, bytes).records.map(({ rows }) => rows)).toEqual([1, 2, 3]);
	});

	test('without its key is refused with the id of the key', () => {
		const missing = { code: 'not_found', message: expect.stringContaining("the key 'k1'") as string };
		expect(() => scanSegment(ID, encrypted(1), NO_KEYS)).toThrow(expect.objectContaining(missing));
		expect(() => scanSegment(ID, encrypted(1), ring('k2', 2, 3))).toThrow(/given are 'k2', 'k3'/);
	});

	test('a wrong key of the right id is no damage', () => {
		const wrong: Keyring = { writing: 'k1', keys: new Map([['k1', key(9)]]) };
		expect(() => scanSegment(ID, encrypted(1), wrong)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
	});

	test('a damaged header costs no record as long as the key is there, and is not given up without', () => {
		const bytes = encrypted(3);
		bytes.fill(0, 0, HEADER_BYTES + 10);
		expect(texts(scanSegment(ID, bytes, ring('k2', 2, 1)).records)).toEqual(['secret 0', 'secret 1', 'secret 2']);
		expect(() => scanSegment(ID, bytes, NO_KEYS)).toThrow(expect.objectContaining({ code: 'not_found' }));
	});

	test('whatever a record says of itself is vouched for: no part may be changed or moved, checksums or not', () => {
		const cipher = new SegmentCipher('k1', key(1), ID);
		const facts = Uint8Array.of(1, 2, 3);
		const sealed = cipher.seal(Buffer.from('secret'), 5, facts);
		expect(Buffer.from(cipher.open(sealed, 5, facts) ?? []).toString()).toBe('secret');
		expect(cipher.open(sealed, 6, facts)).toBeUndefined();
		expect(cipher.open(sealed, 5, Uint8Array.of(1, 2, 4))).toBeUndefined();
		expect(cipher.open(sealed.subarray(1), 5, facts)).toBeUndefined();
		expect(cipher.open(new Uint8Array(3), 5, facts)).toBeUndefined();
		expect(new SegmentCipher('k1', key(1), ID.replace('000007', '000008')).open(sealed, 5, facts)).toBeUndefined();
	});
});

describe('formats of earlier versions', () => {
	const folder = join(import.meta.dirname, '../../test/buffer/formats');

	test('every file that was ever written can be read', () => {
		const keys = parseKeys([`fixture:${Buffer.alloc(32, 7).toString('base64')}`]);
		const files = readdirSync(folder).filter((name) => name.endsWith('.seg'));
		expect(files.length).toBe(2);
		for (const name of files) {
			const { records: found, damage, end } = scanSegment(name.replace('.seg', ''), readFileSync(join(folder, name)), keys);
			expect(damage).toEqual([]);
			expect(end).toBe(readFileSync(join(folder, name)).length);
			expect(found.map(({ table, rows, sequence }) => [table, rows, sequence])).toEqual([
				['spans_live', 3, 0],
				['logs_live', 1, 1],
				['spans_live', 2, 2],
			]);
			expect(texts(found.slice(0, 2))).toEqual(['three spans', 'a log record, äöü']);
			expect([...(found[2]?.payload ?? [])]).toEqual(Array.from({ length: 256 }, (_, index) => index));
		}
	});

	test('the program writes today what it wrote then', () => {
		for (const name of readdirSync(folder).filter((file) => file.endsWith('.seg'))) {
			const id = name.replace('.seg', '');
			const bytes = readFileSync(join(folder, name));
			const keyId = surveySegment(id, bytes).header?.keyId;
			const keys = parseKeys([`fixture:${Buffer.alloc(32, 7).toString('base64')}`]);
			const cipher = keyId === undefined ? undefined : SegmentCipher.forWriting(keys, id);
			expect(Buffer.compare(encodeSegment(id, scanSegment(id, bytes, keys).records, cipher), bytes)).toBe(0);
		}
	});
});

describe('keys', () => {
	const text = key(1).toString();
	const base64 = Buffer.from(key(1)).toString('base64');

	test('the first writes, all read', () => {
		const keys = parseKeys([`new:${base64}`, ` old:${Buffer.from(key(2)).toString('base64')} `]);
		expect(keys.writing).toBe('new');
		expect([...keys.keys.keys()]).toEqual(['new', 'old']);
		expect(parseKeys([])).toEqual(NO_KEYS);
	});

	test('what is no key is refused without being repeated', () => {
		for (const entry of [base64, `:${base64}`, `k:${base64.slice(4)}`, `k:${text}`, `a b:${base64}`, `k:${base64}!`]) {
			const failure = ((): unknown => {
				try {
					return parseKeys([`good:${base64}`, entry]);
				} catch (error) {
					return error;
				}
			})();
			expect(failure).toBeInstanceOf(Failure);
			expect((failure as Failure).message).toMatch(/^key 2 is not/);
			expect((failure as Failure).message).not.toContain(base64.slice(4, 20));
		}
		expect(() => parseKeys([`k:${base64}`, `k:${base64}`])).toThrow(/'k'/);
	});
});

describe('a buffer with keys', () => {
	const folder = mkdtempSync(join(tmpdir(), 'throughline-encryption-'));
	const buffers: SegmentBuffer[] = [];
	let counter = 0;
	afterEach(async () => {
		for (const buffer of buffers.splice(0)) await buffer.close({ drainMs: 0, abortMs: 100 });
	});
	afterAll(() => rmSync(folder, { recursive: true, force: true }));

	async function open(directory: string, keys: Keyring, load: (batch: LoadBatch) => Promise<void>): Promise<SegmentBuffer> {
		const buffer = await SegmentBuffer.open({
			directory,
			loader: { load, check: () => Promise.resolve() },
			limits: { sealAfterMs: 10, freeBytesMin: 0, loadRetryFirstMs: 5 },
			keys,
			files: realFiles,
			clock: systemClock,
			timer: systemTimer,
			random: randomBytes,
			log: silentLog,
		});
		buffers.push(buffer);
		return buffer;
	}

	const away = (): Promise<void> => Promise.reject(new Error('the engine is away'));
	const append = (buffer: SegmentBuffer, secret: string): Promise<void> =>
		buffer.append([{ table: 'spans', rows: 1, payload: Buffer.from(secret) }]);
	const everyByte = (directory: string): string =>
		readdirSync(directory, { recursive: true, withFileTypes: true })
			.filter((entry) => entry.isFile())
			.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
			.join('');

	test('leaves nothing readable on disk, takes a new key, and still reads what the old one and none wrote', async () => {
		const directory = join(folder, String(counter++));
		for (const [keys, secret] of [
			[NO_KEYS, 'plain'],
			[ring('k1', 1), 'secret one'],
			[ring('k2', 2, 1), 'secret two'],
		] as const) {
			const buffer = await open(directory, keys, away);
			await append(buffer, secret);
			await buffer.close({ drainMs: 0 });
		}
		expect(everyByte(directory)).toContain('plain');
		expect(everyByte(directory)).not.toContain('secret');
		await expect(open(directory, ring('k2', 2), away)).rejects.toMatchObject({ code: 'not_found' });
		const seen: string[] = [];
		const last = await open(directory, ring('k3', 3, 2, 1), async ({ records: list }) => {
			await Promise.resolve();
			seen.push(...texts(list));
		});
		await vi.waitFor(() => expect(last.stats().segments).toBe(0), 20_000);
		expect(seen).toEqual(['plain', 'secret one', 'secret two']);
	});

	test('keeps dead letters and damaged bytes secret too', async () => {
		const directory = join(folder, String(counter++));
		const keys = ring('k1', 1);
		const first = await open(directory, keys, () => Promise.reject(new Failure('malformed', 'no')));
		await append(first, 'secret letter');
		await vi.waitFor(() => expect(first.stats().deadLetterFiles).toBe(1), 20_000);
		await first.close({ drainMs: 0 });
		const second = await open(directory, keys, away);
		await append(second, 'secret damage');
		await second.close({ drainMs: 0 });
		const name = readdirSync(directory).find((file) => file.endsWith('.sealed')) ?? '';
		const content = readFileSync(join(directory, name));
		content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
		writeFileSync(join(directory, name), content);
		const third = await open(directory, keys, away);
		expect(third.stats()).toMatchObject({ quarantinedRanges: 1, lostRecords: 1 });
		expect(everyByte(directory)).not.toContain('secret');
		const letter = readdirSync(join(directory, 'dead-letter')).find((file) => file.endsWith('.sealed')) ?? '';
		const id = letter.replace('.sealed', '');
		expect(texts(scanSegment(id, readFileSync(join(directory, 'dead-letter', letter)), keys).records)).toEqual(['secret letter']);
	});
});
