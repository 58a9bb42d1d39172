/**
 * The buffer's reader. An input is a segment file whose name never changes, so that mutations damage what stands in it: whatever bytes
 * come, the reader answers with records that were written, each at most once and in order, and accounts for those in between.
 */

import { Failure } from '../../../src/base/errors.ts';
import { NO_KEYS } from '../../../src/buffer/encryption.ts';
import { scanSegment } from '../../../src/buffer/scan.ts';
import { type BufferRecord, encodeHeader, encodeRecord, HEADER_BYTES, segmentId } from '../../../src/buffer/segment.ts';
import type { Random } from '../random.ts';
import { broken, type Target } from '../target.ts';

const ID = segmentId(1_700_000_000_000, 7, Uint8Array.of(3, 1, 4, 1, 5, 9, 2, 6));

/** What the record of each place holds: known, so that any record given back can be checked. */
function record(sequence: number): BufferRecord {
	const rows = 1 + ((sequence * 7) % 50);
	const payload = Uint8Array.from({ length: (sequence * 37) % 300 }, (_, at) => (at * 31 + sequence * 17) & 0xff);
	return { table: sequence % 3 === 0 ? 'logs_live' : 'spans_live', rows, payload };
}

function segment(records: number): Uint8Array {
	const parts: Uint8Array[] = [encodeHeader(1_700_000_000_000)];
	for (let sequence = 0; sequence < records; sequence++) parts.push(...encodeRecord(ID, record(sequence), sequence));
	return new Uint8Array(Buffer.concat(parts));
}

const WRITTEN = new Map(Array.from({ length: 101 }, (_, records) => segment(records)).map((bytes) => [bytes.length, bytes]));
const CHANGED_MAX = 16;

/** As disks do it: bytes changed where they stand, none moved. Then every record that is missing must be accounted for. */
function damagedInPlace(input: Uint8Array): boolean {
	const written = WRITTEN.get(input.length);
	return written !== undefined && written.reduce((changed, byte, at) => changed + (byte === input[at] ? 0 : 1), 0) <= CHANGED_MAX;
}

function account(scan: ReturnType<typeof scanSegment>): void {
	const missing = scan.damage.reduce((sum, { records }) => sum + (records ?? 0), 0);
	const last = scan.records.at(-1)?.sequence ?? -1;
	if (scan.records.length + missing !== last + 1)
		broken(`${last + 1} records up to the last, ${scan.records.length} found, ${missing} missing`);
}

export const segments: Target = {
	name: 'segments',
	seeds: (random: Random) => [0, 1, 2, 5, 20, 60, random.int(100)].map(segment),
	attempt(input) {
		let scan: ReturnType<typeof scanSegment>;
		try {
			scan = scanSegment(ID, input, NO_KEYS);
		} catch (error) {
			if (error instanceof Failure && (error.code === 'unsupported' || error.code === 'not_found')) return `refused: ${error.code}`;
			throw error;
		}
		let last = -1;
		for (const { table, rows, payload, sequence } of scan.records) {
			const written = record(sequence);
			if (sequence <= last) return 'a record was copied behind itself';
			last = sequence;
			const same = table === written.table && rows === written.rows && Buffer.compare(payload, written.payload) === 0;
			if (!same) broken(`record ${sequence} was never written like this`);
		}
		if (scan.end > input.length) broken('the end lies behind the end');
		for (const { offset, bytes } of scan.damage)
			if (offset < 0 || bytes < 0 || offset + bytes > input.length) broken('damage outside of the file');
		if (scan.damage.some(({ offset }) => offset > 0 && offset < HEADER_BYTES)) broken('damage that begins inside the header');
		if (damagedInPlace(input)) account(scan);
		return `${Math.min(scan.records.length, 3)} records, ${Math.min(scan.damage.length, 3)} damaged, ${scan.rowsBeyond.size > 0 ? 'rows beyond' : 'none beyond'}`;
	},
};
