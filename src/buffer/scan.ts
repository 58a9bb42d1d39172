/** Reads segments (`segment.ts`) whole, whatever state they are in: torn, damaged, encrypted with any of several keys. */

import { crc32 } from 'node:zlib';
import { Failure } from '../base/errors.ts';
import { KEY_CHECK_BYTES, type Keyring, SegmentCipher } from './encryption.ts';
import {
	type Damage,
	HEAD_FACTS,
	HEADER_BYTES,
	MAGIC,
	MARKER_BYTES,
	markerOf,
	RECORD_HEAD_BYTES,
	rowsByTable,
	type SegmentRecord,
	VERSION_ENCRYPTED,
	VERSION_PLAIN,
} from './segment.ts';

export interface Scan {
	readonly records: readonly SegmentRecord[];
	readonly damage: readonly Damage[];
	/** Where the last readable record ends; whatever follows was torn off by a crash, or is damaged when the segment was sealed. */
	readonly end: number;
	/** Rows by table that readable heads behind `end` claim. */
	readonly rowsBeyond: ReadonlyMap<string, number>;
	/** What the header says; undefined when it is damaged or torn off. */
	readonly header: Header | undefined;
}

export interface Header {
	readonly bytes: number;
	/** undefined: the segment is plain. */
	readonly keyId: string | undefined;
	readonly keyCheck: Uint8Array | undefined;
}

/**
 * Reads a whole segment. Payloads are views into `bytes`, or decrypted. Damaged stretches are stepped over to the next record that is whole.
 * Throws `Failure`: `unsupported` when a readable header names another version, `not_found` when it names a key that is not in `keys`,
 * `invalid_argument` when the key of that id is another one.
 */
export function scanSegment(id: string, bytes: Uint8Array, keys: Keyring): Scan {
	const header = readHeader(id, bytes);
	const ciphers = ciphersFor(id, header, keys);
	return scan(id, bytes, header, ({ encrypted, sequence }, facts, stored) => {
		if (!encrypted) return header?.keyId === undefined ? stored : undefined;
		for (const cipher of ciphers()) {
			const plain = cipher.open(stored, sequence, facts);
			if (plain !== undefined) return plain;
		}
		return undefined;
	});
}

/** The same without keys: payloads as they are in the file. Enough to count, and to verify checksums. */
export function surveySegment(id: string, bytes: Uint8Array): Scan {
	return scan(id, bytes, readHeader(id, bytes), (_head, _facts, stored) => stored);
}

/** The payload of a record whose checksums hold; undefined when it is not what was once written at this place. */
type OpenPayload = (head: Head, facts: Uint8Array, stored: Uint8Array) => Uint8Array | undefined;

function scan(id: string, bytes: Uint8Array, header: Header | undefined, openPayload: OpenPayload): Scan {
	const marker = markerOf(id);
	const records: SegmentRecord[] = [];
	const damage: Damage[] = [];
	const start = header?.bytes ?? 0;
	let damagedFrom = header === undefined ? 0 : -1;
	let lost: Head[] = [];
	let nextSequence = 0;
	let end = start;
	let offset = header === undefined ? find(bytes, marker, 0) : start;
	while (offset >= 0 && offset < bytes.length) {
		const head = readHead(bytes, offset, marker);
		const payload = head === undefined ? undefined : readPayload(bytes, offset, head, openPayload);
		if (head !== undefined && payload !== undefined) {
			if (damagedFrom >= 0)
				damage.push({ offset: damagedFrom, bytes: offset - damagedFrom, records: head.sequence - nextSequence, rows: rowsByTable(lost) });
			damagedFrom = -1;
			lost = [];
			const { table, rows, sequence } = head;
			records.push({ table, rows, sequence, payload });
			nextSequence = sequence + 1;
			offset = end = head.end;
			continue;
		}
		if (damagedFrom < 0) damagedFrom = offset;
		if (head !== undefined) lost.push(head);
		offset = head !== undefined && head.end <= bytes.length ? head.end : find(bytes, marker, offset + 1);
	}
	return { records, damage, end, rowsBeyond: rowsByTable(lost), header };
}

interface Head {
	readonly table: string;
	readonly rows: number;
	readonly sequence: number;
	readonly encrypted: boolean;
	readonly payloadCrc: number;
	/** Offsets of the payload's first byte and of the byte after its last. */
	readonly payload: number;
	readonly end: number;
}

/** The head at `offset`, or undefined when its checksum says it is none. */
function readHead(bytes: Uint8Array, offset: number, marker: Uint8Array): Head | undefined {
	if (offset + RECORD_HEAD_BYTES > bytes.length) return undefined;
	for (let index = 0; index < MARKER_BYTES; index++) if (bytes[offset + index] !== marker[index]) return undefined;
	const view = new DataView(bytes.buffer, bytes.byteOffset + offset, RECORD_HEAD_BYTES);
	const payload = offset + RECORD_HEAD_BYTES + view.getUint8(32);
	if (payload > bytes.length || crc32(bytes.subarray(offset + 12, payload)) !== view.getUint32(8, true)) return undefined;
	return {
		table: new TextDecoder().decode(bytes.subarray(offset + RECORD_HEAD_BYTES, payload)),
		rows: view.getUint32(20, true),
		sequence: Number(view.getBigUint64(24, true) & 0x00ff_ffff_ffff_ffffn),
		encrypted: view.getUint8(31) === 1,
		payloadCrc: view.getUint32(12, true),
		payload,
		end: payload + view.getUint32(16, true),
	};
}

function readPayload(bytes: Uint8Array, offset: number, head: Head, openPayload: OpenPayload): Uint8Array | undefined {
	if (head.end > bytes.length) return undefined;
	const stored = bytes.subarray(head.payload, head.end);
	if (crc32(stored) !== head.payloadCrc) return undefined;
	return openPayload(head, bytes.subarray(offset + HEAD_FACTS, head.payload), stored);
}

/** undefined when the header is damaged or torn off. */
function readHeader(id: string, bytes: Uint8Array): Header | undefined {
	if (bytes.length < HEADER_BYTES) return undefined;
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	if (view.getUint32(20, true) !== crc32(bytes.subarray(0, 20))) return undefined;
	if (MAGIC.some((byte, index) => byte !== bytes[index])) return undefined;
	const version = view.getUint32(8, true);
	if (version === VERSION_PLAIN) return { bytes: HEADER_BYTES, keyId: undefined, keyCheck: undefined };
	if (version !== VERSION_ENCRYPTED)
		throw new Failure(
			'unsupported',
			`cannot read segment ${id}: it has format version ${version}, this program knows up to ${VERSION_ENCRYPTED}`,
			{ hint: 'start the version that wrote it once, so that it can load its buffer, and then this one' },
		);
	const checkAt = HEADER_BYTES + 1 + (bytes[HEADER_BYTES] ?? 0);
	const end = checkAt + KEY_CHECK_BYTES;
	if (bytes.length < end + 4 || view.getUint32(end, true) !== crc32(bytes.subarray(HEADER_BYTES, end))) return undefined;
	return {
		bytes: end + 4,
		keyId: Buffer.from(bytes.subarray(HEADER_BYTES + 1, checkAt)).toString('ascii'),
		keyCheck: bytes.subarray(checkAt, end),
	};
}

/** The ciphers a segment's records may have been encrypted with: the one its header names, or any when the header is lost. */
function ciphersFor(id: string, header: Header | undefined, keys: Keyring): () => readonly SegmentCipher[] {
	let ciphers: SegmentCipher[] | undefined;
	if (header?.keyId !== undefined) {
		const key = keys.keys.get(header.keyId);
		if (key === undefined) throw missingKey(id, header.keyId, keys);
		const cipher = new SegmentCipher(header.keyId, key, id);
		if (Buffer.compare(cipher.check, header.keyCheck ?? new Uint8Array()) !== 0)
			throw new Failure('invalid_argument', `cannot read segment ${id}: the key '${header.keyId}' is not the one it was encrypted with`, {
				hint: `put back the key that had the id '${header.keyId}' then`,
			});
		ciphers = [cipher];
	}
	return () => {
		ciphers ??= Array.from(keys.keys, ([keyId, key]) => new SegmentCipher(keyId, key, id));
		if (ciphers.length > 0) return ciphers;
		// Taken for damage, they would be given up.
		throw new Failure(
			'not_found',
			`cannot read segment ${id}: it is encrypted, its header does not tell any more with which key, and there are none`,
			{
				hint: 'give all keys that were in use (buffer.encryption.keys or buffer.encryption.keyFile)',
			},
		);
	};
}

function missingKey(id: string, keyId: string, keys: Keyring): Failure {
	const given = keys.keys.size === 0 ? 'there are none' : `given are ${[...keys.keys.keys()].map((known) => `'${known}'`).join(', ')}`;
	return new Failure(
		'not_found',
		`cannot read segment ${id}: it is encrypted with the key '${keyId}', which is not among the keys: ${given}`,
		{
			hint: `give it too, in buffer.encryption.keys or buffer.encryption.keyFile; the first key there is the one that writes`,
		},
	);
}

function find(bytes: Uint8Array, marker: Uint8Array, from: number): number {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(marker, from);
}
