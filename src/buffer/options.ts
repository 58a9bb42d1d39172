/** What the buffer is given: its directory, its limits, and the world it stands in. */

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Timer } from '../base/timer.ts';
import type { Files } from './files.ts';
import type { SegmentRecord } from './segment.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

export interface BufferLimits {
	/** Disk for segments not yet loaded; beyond it appends are refused as overloaded. */
	readonly bytesMax: number;
	/** Disk the file system must have left; below it appends are refused, so that loads, deletes and the engine can go on. */
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

/** A complete segment on its way into the engine. */
export interface SealedSegment {
	/** Unique across restarts; sorts by age. The deduplication token of whatever is done with the segment. */
	readonly id: string;
	readonly createdMs: number;
	/** Of the file. */
	readonly bytes: number;
	/** Table -> rows. */
	readonly rows: ReadonlyMap<string, number>;
	/** The records by table, in the order they were appended, checksums verified. Damaged ones are set aside, counted and left out. */
	read(): Promise<ReadonlyMap<string, readonly SegmentRecord[]>>;
}

/**
 * Takes a segment into the engine; when it resolves the segment is deleted. It may be called for a segment it has already taken
 * (a crash, or an error after the fact), so it must recognise `segment.id`. A `Failure` that is not retryable sends the segment
 * to `dead-letter/`; any other error is tried again for as long as it takes. `signal` aborts when the buffer closes.
 */
export type Loader = (segment: SealedSegment, signal: AbortSignal) => Promise<void>;

export interface BufferOptions {
	/** Created when missing. One open buffer for each directory: the caller holds the lock. */
	readonly directory: string;
	readonly load: Loader;
	readonly limits?: Partial<BufferLimits>;
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
export interface BufferStats {
	/** Segments not yet loaded, the open one included, and their bytes. */
	segments: number;
	bytes: number;
	/** Bytes waiting for a commit. */
	pendingBytes: number;
	/** Age of the oldest segment not yet loaded; 0 when there is none. */
	oldestAgeMs: number;
	appendedRecords: number;
	appendedRows: number;
	appendedBytes: number;
	/** Appends refused because of a limit, and appends the disk failed. */
	refusedAppends: number;
	failedAppends: number;
	syncs: number;
	loadedSegments: number;
	loadedRows: number;
	loadFailures: number;
	deadLetterSegments: number;
	deadLetterRows: number;
	/** Damaged stretches copied to `quarantine/`. */
	quarantinedRanges: number;
	quarantinedBytes: number;
	/** Records and rows known to be lost in them; at least, as an unreadable end of a segment does not tell. */
	lostRecords: number;
	lostRows: number;
	/** Unacknowledged ends cut off at recovery. */
	tornBytes: number;
	/** Files deleted from `dead-letter/` and `quarantine/` to stay within `asideBytesMax`. */
	asideDeletedFiles: number;
	asideDeletedBytes: number;
	/** Found at start and handed to the loader. */
	recoveredSegments: number;
	recoveredRows: number;
}

export function emptyStats(): BufferStats {
	return {
		segments: 0,
		bytes: 0,
		pendingBytes: 0,
		oldestAgeMs: 0,
		appendedRecords: 0,
		appendedRows: 0,
		appendedBytes: 0,
		refusedAppends: 0,
		failedAppends: 0,
		syncs: 0,
		loadedSegments: 0,
		loadedRows: 0,
		loadFailures: 0,
		deadLetterSegments: 0,
		deadLetterRows: 0,
		quarantinedRanges: 0,
		quarantinedBytes: 0,
		lostRecords: 0,
		lostRows: 0,
		tornBytes: 0,
		asideDeletedFiles: 0,
		asideDeletedBytes: 0,
		recoveredSegments: 0,
		recoveredRows: 0,
	};
}

/** What every part of the buffer works with. */
export interface BufferContext extends Omit<BufferOptions, 'limits'> {
	readonly limits: BufferLimits;
	readonly stats: BufferStats;
}

/** A segment not yet loaded. `bytes`, `records` and `rows` cover what is known to be on disk. */
export interface Segment {
	readonly id: string;
	path: string;
	bytes: number;
	records: number;
	readonly rows: Map<string, number>;
}

export function totalRows(segment: Pick<Segment, 'rows'>): number {
	let total = 0;
	for (const rows of segment.rows.values()) total += rows;
	return total;
}
