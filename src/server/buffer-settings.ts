/** Where the buffer lies and what its encrypted segments are read with: what the platform and `throughline buffer` agree on. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../base/errors.ts';
import { type Keyring, parseKeys } from '../buffer/encryption.ts';
import type { Config } from './config.ts';

export function bufferDirectory(config: Config): string {
	return join(config.data.dir, 'buffer');
}

/** The keys of encrypted segments. Throws `Failure('invalid_argument')`, which says where a key is wrong and never what it is. */
export function bufferKeys(config: Config): Keyring {
	const { keys, keyFile } = config.buffer.encryption;
	if (keyFile === undefined) return keysFrom('buffer.encryption.keys', keys);
	if (keys.length > 0) throw new Failure('invalid_argument', 'set buffer.encryption.keys or buffer.encryption.keyFile, not both');
	let text: string;
	try {
		text = readFileSync(keyFile, 'utf8');
	} catch (cause) {
		throw new Failure('invalid_argument', `cannot read buffer.encryption.keyFile: ${(cause as Error).message}`, { cause });
	}
	const entries = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
	if (entries.length === 0) throw new Failure('invalid_argument', `there is no key in ${keyFile} (buffer.encryption.keyFile)`);
	return keysFrom(keyFile, entries);
}

function keysFrom(source: string, entries: readonly string[]): Keyring {
	try {
		return parseKeys(entries);
	} catch (error) {
		if (!(error instanceof Failure)) throw error;
		throw new Failure(error.code, `${source}: ${error.message}`, error.hint === undefined ? {} : { hint: error.hint });
	}
}
