import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_KEYS } from './encryption.ts';
import { type Scan, scanSegment } from './scan.ts';
import { type BufferRecord, encodeHeader, encodeRecord, HEADER_BYTES, parseSegmentName, segmentCreatedMs, segmentId } from './segment.ts';

const MARKER = Uint8Array.from([0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4]);
const ID = segmentId(1_700_000_000_000, 7, MARKER);

function record(table: string, payload: Uint8Array, rows = 1): BufferRecord {
	return { table, rows, payload };
}

/** A segment and where each record begins and ends in it. */
function segment(records: readonly BufferRecord[], id = ID): { bytes: Uint8Array; ends: number[] } {
	const parts = [encodeHeader(segmentCreatedMs(id))];
	let length = HEADER_BYTES;
	const ends = records.map((item, sequence) => {
		const [head, payload] = encodeRecord(id, item, sequence);
		parts.push(head, payload);
		length += head.length + payload.length;
		return length;
	});
	return { bytes: new Uint8Array(Buffer.concat(parts)), ends };
}

function numbered(count: number): BufferRecord[] {
	return Array.from({ length: count }, (_, index) => record('spans', new Uint8Array(40 + index).fill(index), index + 1));
}

/** Without keys. */
const scan = (id: string, bytes: Uint8Array): Scan => scanSegment(id, bytes, NO_KEYS);

describe('the segment format', () => {
	test('the bytes of version 1 stay what they are: files of older versions must remain readable', () => {
		const { bytes } = segment([record('spans', new TextEncoder().encode('hello'), 3)]);
		expect(ID).toBe('1700000000000-000007-deadbeef01020304');
		expect(Buffer.from(bytes).toString('hex')).toBe(
			[
				'544c5345474d540a', // magic
				'01000000',
				'0068e5cf8b010000', // created
				'4f3aa73a', // CRC-32 of the header
				'deadbeef01020304',
				'f479f67a', // CRC-32 of the head
				'86a61036', // CRC-32 of 'hello'
				'05000000',
				'03000000',
				'0000000000000000',
				'05',
				'7370616e73', // spans
				'68656c6c6f',
			].join(''),
		);
	});

	test('reads back what was written', () => {
		const written = numbered(5);
		const { records, damage, end } = scan(ID, segment(written).bytes);
		expect(records.map(({ table, rows, payload }) => ({ table, rows, payload: [...payload] }))).toEqual(
			written.map(({ table, rows, payload }) => ({ table, rows, payload: [...payload] })),
		);
		expect(records.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4]);
		expect(damage).toEqual([]);
		expect(end).toBe(segment(written).bytes.length);
	});

	test('names sort by age and tell id and state; other files are no segments', () => {
		const older = segmentId(999_999_999_999, 999_999, MARKER);
		expect([ID, older].toSorted()).toEqual([older, ID]);
		expect(parseSegmentName(`${ID}.seg`)).toEqual({ id: ID, sealed: false });
		expect(parseSegmentName(`${ID}.sealed`)).toEqual({ id: ID, sealed: true });
		expect(parseSegmentName(`${ID}.sealed.tmp`)).toBeUndefined();
		expect(parseSegmentName('lock')).toBeUndefined();
	});
});

describe('a torn or damaged segment', () => {
	test('cut anywhere, it gives every record before the cut and no damage', () => {
		const { bytes, ends } = segment(numbered(4));
		for (let cut = 0; cut < bytes.length; cut++) {
			const { records, damage, end } = scan(ID, bytes.subarray(0, cut));
			expect(records.length).toBe(ends.filter((recordEnd) => recordEnd <= cut).length);
			expect(damage).toEqual([]);
			expect(end).toBeLessThanOrEqual(cut);
		}
	});

	test('every record that no damaged byte touches is read, whatever and wherever the damage; nothing is invented', () => {
		const written = numbered(8);
		const { bytes, ends } = segment(written);
		fc.assert(
			fc.property(fc.nat(bytes.length - 1), fc.uint8Array({ minLength: 1, maxLength: 200 }), (offset, junk) => {
				const damaged = bytes.slice();
				damaged.set(junk.subarray(0, damaged.length - offset), offset);
				const touched = (index: number): boolean => {
					const from = index === 0 ? HEADER_BYTES : (ends[index - 1] ?? 0);
					return !Buffer.from(bytes.subarray(from, ends[index])).equals(damaged.subarray(from, ends[index]));
				};
				const { records } = scan(ID, damaged);
				expect(records.map(({ sequence }) => sequence)).toEqual([...written.keys()].filter((index) => !touched(index)));
				for (const { sequence, payload } of records) expect([...payload]).toEqual([...(written[sequence]?.payload ?? [])]);
			}),
			{ numRuns: 500 },
		);
	});

	test('tells which records and rows are lost', () => {
		const { bytes, ends } = segment(numbered(4));
		const damaged = bytes.slice();
		damaged.fill(0xff, (ends[1] ?? 0) - 5, ends[1]); // the payload of the second record; its head still says how long it was
		expect(scan(ID, damaged).damage).toEqual([
			{ offset: ends[0], bytes: (ends[1] ?? 0) - (ends[0] ?? 0), records: 1, rows: new Map([['spans', 2]]) },
		]);
		damaged.fill(0xff, (ends[0] ?? 0) + 3, ends[2]); // two records, heads and all
		expect(scan(ID, damaged).damage).toEqual([{ offset: ends[0], bytes: (ends[2] ?? 0) - (ends[0] ?? 0), records: 2, rows: new Map() }]);
	});

	test('a damaged header costs no record', () => {
		const { bytes } = segment(numbered(3));
		bytes.fill(0, 0, HEADER_BYTES);
		expect(scan(ID, bytes).records.length).toBe(3);
	});

	test('a record inside a payload is not found when the search for the next one crosses it', () => {
		const otherId = segmentId(
			1_700_000_000_000,
			8,
			MARKER.map((byte) => byte ^ 0xff),
		);
		const smuggled = segment([record('spans', new Uint8Array(9), 1_000_000)], otherId).bytes;
		const { bytes, ends } = segment([record('spans', new Uint8Array(9)), record('spans', smuggled), record('spans', new Uint8Array(9))]);
		bytes.fill(0, (ends[0] ?? 0) + 8, (ends[0] ?? 0) + 12);
		expect(scan(ID, bytes).records.map(({ sequence }) => sequence)).toEqual([0, 2]);
	});

	test('another version is refused, not eaten; a flipped bit in the version is damage', () => {
		const { bytes } = segment(numbered(1));
		bytes[8] = 3;
		expect(scan(ID, bytes).records.length).toBe(1);
		new DataView(bytes.buffer).setUint32(20, crc32(bytes.subarray(0, 20)), true);
		expect(() => scan(ID, bytes)).toThrow(expect.objectContaining({ code: 'unsupported' }));
	});
});
