/** Looks at a buffer's files from outside, without changing any: safe beside a running platform, whose files come and go meanwhile. */

import { join } from 'node:path';
import { Failure } from '../base/errors.ts';
import type { Keyring } from './encryption.ts';
import type { Files } from './files.ts';
import { damageOfSealed } from './recovery.ts';
import { type Scan, scanSegment, surveySegment } from './scan.ts';
import { type Damage, parseSegmentName, rowsByTable, segmentCreatedMs } from './segment.ts';

export interface RecordReport {
	readonly sequence: number;
	readonly table: string;
	readonly rows: number;
	/** Of the payload. */
	readonly bytes: number;
}

export interface SegmentReport {
	readonly path: string;
	readonly id: string;
	/** `writing`: its end may be torn. */
	readonly state: 'writing' | 'sealed';
	readonly createdMs: number;
	readonly bytes: number;
	readonly rows: ReadonlyMap<string, number>;
	readonly records: readonly RecordReport[];
	/** undefined: plain, or the header is damaged. */
	readonly keyId: string | undefined;
	readonly damage: readonly Damage[];
	/** Bytes behind the last record of a segment that is being written. */
	readonly tornBytes: number;
	/** Why its records could not be read at all: the disk, a missing key, a newer format. */
	readonly problem: Failure | undefined;
}

/** Every segment in `directory`, oldest first. With `keys` encrypted records are opened, without only their checksums are verified. */
export async function* reportSegments(files: Files, directory: string, keys: Keyring | undefined): AsyncGenerator<SegmentReport> {
	for (const name of (await files.list(directory)).sort()) {
		const report = await reportSegment(files, join(directory, name), name, keys);
		if (report !== undefined) yield report;
	}
}

/** undefined for what is no segment, or is gone. */
async function reportSegment(files: Files, path: string, name: string, keys: Keyring | undefined): Promise<SegmentReport | undefined> {
	const parsed = parseSegmentName(name);
	if (parsed === undefined) return undefined;
	const { id, sealed } = parsed;
	const state = sealed ? 'sealed' : 'writing';
	const common = { path, id, state, createdMs: segmentCreatedMs(id) } as const;
	let bytes: Uint8Array = new Uint8Array();
	try {
		bytes = await files.read(path);
		const scan = keys === undefined ? surveySegment(id, bytes) : scanSegment(id, bytes, keys);
		return { ...common, bytes: bytes.length, ...facts(scan, bytes.length, sealed), problem: undefined };
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		const problem = error instanceof Failure ? error : new Failure('unavailable', `cannot read ${path}: ${(error as Error).message}`);
		return { ...common, bytes: bytes.length, ...NOTHING, problem };
	}
}

const NOTHING = { rows: new Map<string, number>(), records: [], keyId: undefined, damage: [], tornBytes: 0 } as const;

function facts(
	scan: Scan,
	length: number,
	sealed: boolean,
): Omit<SegmentReport, 'path' | 'id' | 'state' | 'createdMs' | 'bytes' | 'problem'> {
	return {
		rows: rowsByTable(scan.records),
		// Without the payloads: a report outlives the file's bytes, and a buffer may hold gigabytes.
		records: scan.records.map(({ sequence, table, rows, payload }) => ({ sequence, table, rows, bytes: payload.length })),
		keyId: scan.header?.keyId,
		damage: sealed ? damageOfSealed(scan, length) : scan.damage,
		tornBytes: sealed ? 0 : length - scan.end,
	};
}
