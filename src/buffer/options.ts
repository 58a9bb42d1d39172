/** What the buffer is given: its directory, its limits, and the world it stands in. */

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Timer } from '../base/timer.ts';
import type { Accounts, Holder, TableAccount } from './accounts.ts';
import type { Keyring } from './encryption.ts';
import type { Files } from './files.ts';
import type { SegmentRecord } from './segment.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

export interface BufferLimits {
	/** Disk for segments not yet loaded; beyond it `whenFull` decides. */
	readonly bytesMax: number;
	/** `reject`: appends are refused as overloaded. `drop-oldest`: the oldest segments nobody is loading are dropped, and counted. */
	readonly whenFull: 'reject' | 'drop-oldest';
	/** Segments that wait longer than this since they were sealed are dropped, and counted; 0 keeps them for ever. */
	readonly ageMaxMs: number;
	/**
	 * Disk the file system must have left; below it appends are refused, whatever `whenFull` says, so that loads, deletes and the
	 * engine can go on. Twice `segmentBytesMax` and more, as a dead letter is written before its segment is deleted.
	 */
	readonly freeBytesMin: number;
	/** Size at which a segment is sealed. It may be passed by one commit, so files stay below the sum of the next two (or one append). */
	readonly segmentBytesMax: number;
	/** Bytes written and synced at once; an append that is larger alone still goes in one piece. */
	readonly commitBytesMax: number;
	/** Age at which a segment is sealed and handed to the loader. */
	readonly sealAfterMs: number;
	/**
	 * How long a commit waits for company. 0: the disk sets the pace, as everything that arrives during one fsync shares the next.
	 * More spares a slow disk flushes and costs every sender that much latency.
	 */
	readonly commitDelayMs: number;
	/** Disk for dead letters, and again as much for damaged bytes; the oldest go first, and are counted. */
	readonly asideBytesMax: number;
	/** What an overloaded buffer tells senders to wait. */
	readonly retryAfterMs: number;
	/** A failed load is tried again after the first, doubling up to the second. */
	readonly loadRetryFirstMs: number;
	readonly loadRetryMaxMs: number;
}

export const DEFAULT_LIMITS: BufferLimits = {
	bytesMax: 4 * GiB,
	whenFull: 'reject',
	ageMaxMs: 0,
	freeBytesMin: 512 * MiB,
	segmentBytesMax: 32 * MiB,
	commitBytesMax: 16 * MiB,
	sealAfterMs: 250,
	commitDelayMs: 0,
	asideBytesMax: GiB,
	retryAfterMs: 5_000,
	loadRetryFirstMs: 100,
	loadRetryMaxMs: 30_000,
};

/** Records of one table of one segment on their way into the engine, in the order they were appended, checksums verified. */
export interface LoadBatch {
	/** The deduplication token: the segment's id, unique across restarts. It stands for the same rows of this table for ever. */
	readonly token: string;
	readonly table: string;
	readonly rows: number;
	readonly records: readonly SegmentRecord[];
}

/** How segments reach the engine. `signal` aborts when the buffer closes. */
export interface Loader {
	/**
	 * Takes a batch into the engine. It may be called for a batch it has already taken (a crash, or an error after the fact), so it must
	 * recognise the token. A `Failure` that is not retryable blames the records, see `segment-load.ts`; any other error is tried
	 * again for as long as it takes.
	 */
	load(batch: LoadBatch, signal: AbortSignal): Promise<void>;
	/** Fails as `load` would when the engine cannot read the records' bytes, and stores nothing. */
	check(batch: LoadBatch, signal: AbortSignal): Promise<void>;
}

export interface BufferOptions {
	/** Created when missing. One open buffer for each directory: the caller holds the lock. */
	readonly directory: string;
	readonly loader: Loader;
	readonly limits?: Partial<BufferLimits>;
	/** Keys of encrypted segments; default none. */
	readonly keys?: Keyring;
	readonly files: Files;
	readonly clock: Clock;
	readonly timer: Timer;
	/** `count` unpredictable bytes. */
	readonly random: (count: number) => Uint8Array;
	readonly log: Log;
	/** Called after each commit with what its fsync took. */
	readonly onSync?: (durationMs: number) => void;
}

/** All counters are of this process; gauges are of now. */
export interface BufferStats extends BufferCounters {
	/** Table -> what became of its rows. */
	readonly accounts: ReadonlyMap<string, TableAccount>;
}

export interface BufferCounters {
	/** Segments not yet loaded, the open one included, and their bytes. */
	segments: number;
	bytes: number;
	/** Bytes waiting for a commit. */
	pendingBytes: number;
	/** Age of the oldest segment not yet loaded; 0 when there is none. */
	oldestAgeMs: number;
	appendedRecords: number;
	appendedBytes: number;
	/** Appends refused because of a limit, and appends the disk failed. */
	refusedAppends: number;
	failedAppends: number;
	syncs: number;
	loadedSegments: number;
	loadFailures: number;
	/** Files written to `dead-letter/`, and the records in them. */
	deadLetterFiles: number;
	deadLetterRecords: number;
	/** Damaged stretches copied to `quarantine/`. */
	quarantinedRanges: number;
	quarantinedBytes: number;
	/** Records known to be lost in them; at least, as an unreadable end of a segment does not tell. */
	lostRecords: number;
	/** Unacknowledged ends cut off at recovery. */
	tornBytes: number;
	/** Files deleted from `dead-letter/` and `quarantine/` to stay within `asideBytesMax`. */
	asideDeletedFiles: number;
	asideDeletedBytes: number;
	/** Found at start and handed to the loader. */
	recoveredSegments: number;
}

export function emptyCounters(): BufferCounters {
	return {
		segments: 0,
		bytes: 0,
		pendingBytes: 0,
		oldestAgeMs: 0,
		appendedRecords: 0,
		appendedBytes: 0,
		refusedAppends: 0,
		failedAppends: 0,
		syncs: 0,
		loadedSegments: 0,
		loadFailures: 0,
		deadLetterFiles: 0,
		deadLetterRecords: 0,
		quarantinedRanges: 0,
		quarantinedBytes: 0,
		lostRecords: 0,
		tornBytes: 0,
		asideDeletedFiles: 0,
		asideDeletedBytes: 0,
		recoveredSegments: 0,
	};
}

/** What every part of the buffer works with. */
export interface BufferContext extends Omit<BufferOptions, 'limits' | 'keys'> {
	readonly limits: BufferLimits;
	readonly keys: Keyring;
	readonly stats: BufferCounters;
	readonly accounts: Accounts;
}

/** A segment not yet loaded. `bytes` and `records` cover what is known to be on disk. */
export interface Segment extends Holder {
	readonly id: string;
	path: string;
	bytes: number;
	records: number;
}
