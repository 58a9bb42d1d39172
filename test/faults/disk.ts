/** A disk that can be made full at will: a tmpfs whose size is what it holds. Needs root on Linux; without it the disk is the machine's. */

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

const KiB = 1024;
const MiB = 1024 * KiB;

export interface SmallDisk {
	/** Leaves about `freeBytes`. */
	shrink(freeBytes: number): Promise<boolean>;
	grow(): void;
	unmount(): void;
}

/** Mounts one at `path`. Undefined where that is not allowed. */
export function smallDisk(path: string, bytesMax: number): SmallDisk | undefined {
	mkdirSync(path, { recursive: true });
	const mount = (...options: string[]): boolean => spawnSync('mount', [...options, path]).status === 0;
	if (!mount('-t', 'tmpfs', '-o', `size=${Math.ceil(bytesMax / KiB)}k`, 'tmpfs')) return undefined;
	return {
		async shrink(freeBytes) {
			// It may be writing: a size below what it holds is refused.
			for (let attempt = 0; attempt < 20; attempt++) {
				const { blocks, bfree, bsize } = await statfs(path);
				const size = (blocks - bfree) * bsize + freeBytes + attempt * 4 * MiB;
				if (mount('-o', `remount,size=${Math.ceil(size / KiB)}k`)) return true;
			}
			return false;
		},
		grow: () => void mount('-o', `remount,size=${Math.ceil(bytesMax / KiB)}k`),
		unmount: () => void spawnSync('umount', ['-l', path]),
	};
}
