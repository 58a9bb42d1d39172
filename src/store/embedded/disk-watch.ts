/**
 * The library and a full disk do not agree: a part whose files could not be written may be put in place all the same, without an error and
 * empty (seen with inserts and with merges, version 26.7). It is found at the next start, which sets it aside and takes its
 * sources instead; while the library runs, every question that touches it fails. So the engine starts anew when its disk has run
 * full and again when there is room, and believes no load that ended without room.
 */

import { statfs } from 'node:fs/promises';

const MiB = 1024 * 1024;

/**
 * Loads are refused while the disk has less left: one of 32 MiB needs as much again for what is derived from it, twice. What begins with
 * room then nearly always ends with room, also when others write to the same disk.
 */
const ROOM_BYTES = 128 * MiB;
/** With less than this a write may have failed. */
const FULL_BYTES = 16 * MiB;
const LOOK_EVERY_MS = 250;

export interface DiskSpace {
	readonly freeBytes: number;
	/** A load may begin. */
	readonly hasRoom: boolean;
	/** What was being written may be hollow. */
	readonly isFull: boolean;
}

export async function diskSpace(path: string): Promise<DiskSpace> {
	const { bavail, bsize } = await statfs(path);
	const freeBytes = bavail * bsize;
	return { freeBytes, hasRoom: freeBytes >= ROOM_BYTES, isFull: freeBytes < FULL_BYTES };
}

/** Calls `onTurn` once, when the disk of `path` has become full or, where it was full from the start, when it has room. */
export async function watchDisk(path: string, onTurn: (what: string) => void): Promise<void> {
	const fullAtStart = (await diskSpace(path)).isFull;
	const timer = setInterval(() => {
		diskSpace(path).then(
			({ hasRoom, isFull, freeBytes }) => {
				if (fullAtStart ? !hasRoom : !isFull) return;
				clearInterval(timer);
				onTurn(fullAtStart ? `the disk has room again: ${freeBytes} bytes` : `the disk is full: ${freeBytes} bytes left`);
			},
			() => {}, // A disk that does not say will be asked again.
		);
	}, LOOK_EVERY_MS);
}
