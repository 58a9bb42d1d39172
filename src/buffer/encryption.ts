/**
 * Segments encrypted at rest: AES-256-GCM, each record by itself, with a key of the file's own.
 *
 * ```
 * file key   HKDF-SHA256(key, salt = segment id, info = 'throughline segment 2'), 32 bytes; 8 more are the check the header holds
 * nonce      4 zero bytes and the record's sequence, 8 bytes little-endian
 * aad        the record's head from offset 16 on: length, rows, sequence, table name
 * payload    ciphertext, then the tag of 16 bytes
 * ```
 *
 * A segment id holds 64 random bits beside its time, and no sequence is written twice in a file, so no nonce meets a key twice; the copy
 * of a record in `dead-letter/` keeps its sequence, so under the same file key it is the same plain text again. The salt is in the file's
 * name: a damaged header costs no record, as whoever holds the keys can try each.
 *
 * This protects the buffer's files: what waits, dead letters and quarantined bytes. The engine keeps its own files as they are.
 */

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { Failure } from '../base/errors.ts';

const KEY_BYTES = 32;
const TAG_BYTES = 16;
export const KEY_CHECK_BYTES = 8;
const INFO = 'throughline segment 2';
const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;

export interface Keyring {
	/** The key new segments are encrypted with; undefined leaves them plain. */
	readonly writing: string | undefined;
	/** Key id -> 32 bytes. */
	readonly keys: ReadonlyMap<string, Uint8Array>;
}

export const NO_KEYS: Keyring = { writing: undefined, keys: new Map() };

/**
 * Reads `<key id>:<32 bytes in base64>` entries; the first is for writing, the others only for reading what was written before. Throws
 * `Failure('invalid_argument')`, which names entries by their place and never what stands in them.
 */
export function parseKeys(entries: readonly string[]): Keyring {
	const keys = new Map<string, Uint8Array>();
	for (const [index, entry] of entries.entries()) {
		const [, id = '', text = ''] = /^([^:]*):(.*)$/.exec(entry.trim()) ?? [];
		const key = Buffer.from(text, 'base64');
		const whole = KEY_ID.test(id) && key.length === KEY_BYTES && key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
		if (!whole || keys.has(id))
			throw new Failure(
				'invalid_argument',
				whole
					? `key ${index + 1} has the id '${id}', as another has`
					: `key ${index + 1} is not '<key id>:<${KEY_BYTES} bytes in base64>', the id of letters, digits, '.', '_' and '-'`,
				{ hint: 'openssl rand -base64 32 makes a key' },
			);
		keys.set(id, key);
	}
	return { writing: keys.keys().next().value, keys };
}

/** Encrypts and decrypts the records of one segment. */
export class SegmentCipher {
	readonly keyId: string;
	/** Tells a wrong key from damage. */
	readonly check: Uint8Array;
	readonly #key: Uint8Array;

	constructor(keyId: string, key: Uint8Array, segmentId: string) {
		const derived = new Uint8Array(hkdfSync('sha256', key, segmentId, INFO, KEY_BYTES + KEY_CHECK_BYTES));
		this.keyId = keyId;
		this.#key = derived.subarray(0, KEY_BYTES);
		this.check = derived.subarray(KEY_BYTES);
	}

	/** For the segments of `keys.writing`; undefined when they are plain. */
	static forWriting(keys: Keyring, segmentId: string): SegmentCipher | undefined {
		const key = keys.writing === undefined ? undefined : keys.keys.get(keys.writing);
		return key === undefined ? undefined : new SegmentCipher(keys.writing ?? '', key, segmentId);
	}

	static sealedBytes(plainBytes: number): number {
		return plainBytes + TAG_BYTES;
	}

	seal(plain: Uint8Array, sequence: number, aad: Uint8Array): Uint8Array {
		const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(sequence)).setAAD(aad);
		return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
	}

	/** Undefined when the bytes are not what was sealed at this place. */
	open(sealed: Uint8Array, sequence: number, aad: Uint8Array): Uint8Array | undefined {
		if (sealed.length < TAG_BYTES) return undefined;
		const end = sealed.length - TAG_BYTES;
		const decipher = createDecipheriv('aes-256-gcm', this.#key, nonceOf(sequence), { authTagLength: TAG_BYTES });
		decipher.setAAD(aad).setAuthTag(sealed.subarray(end));
		const plain = decipher.update(sealed.subarray(0, end));
		try {
			decipher.final();
			return plain;
		} catch {
			return undefined;
		}
	}
}

function nonceOf(sequence: number): Uint8Array {
	const nonce = new Uint8Array(12);
	new DataView(nonce.buffer).setBigUint64(4, BigInt(sequence), true);
	return nonce;
}
