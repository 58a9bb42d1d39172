/**
 * The faults, one function each. `inject` does the damage and returns when its cause is over: from then on the platform has no excuse,
 * and the time until it works again is measured.
 */

import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import type { JumpingClock } from './clock.ts';
import type { SmallDisk } from './disk.ts';
import type { Flip } from './oracle.ts';
import type { Victim } from './victim.ts';

const MiB = 1024 * 1024;
const CLOCK_JUMP_S_MAX = 2 * 3600;

export interface Scene {
	readonly victim: Victim;
	/** Undefined where there can be none; faults that need them are left out then. */
	readonly disk: SmallDisk | undefined;
	readonly clock: JumpingClock | undefined;
	/** Between 0 and 1. */
	readonly random: () => number;
	/** Longest time anything is stopped for. */
	readonly stopMsMax: number;
	readonly resetConnections: () => void;
	readonly flips: Flip[];
}

export interface Fault {
	readonly name: string;
	/** What is missing for it here. */
	readonly impossible?: (scene: Scene) => string | undefined;
	/** Returns when the cause is over, by `performance.now()`; undefined when there was nothing to do it to. */
	readonly inject: (scene: Scene) => Promise<number | undefined>;
}

const NO_DISK = 'a disk of our own cannot be mounted (that needs root on Linux)';
const NO_CLOCK = 'the clock cannot be moved (that needs cc and glibc)';

export const FAULTS: readonly Fault[] = [
	{
		name: 'kill engine',
		async inject({ victim }) {
			return victim.signal(victim.engine(), 'SIGKILL') ? performance.now() : undefined;
		},
	},
	{
		name: 'kill engine again and again',
		async inject({ victim, random }) {
			for (let kills = 0; kills < 4; kills++) {
				victim.signal(victim.engine(), 'SIGKILL');
				await pause(200 + random() * 800);
			}
			return performance.now();
		},
	},
	{
		name: 'kill platform',
		async inject({ victim }) {
			const sinceMs = performance.now();
			await victim.killPlatform();
			await victim.startAgain();
			return sinceMs;
		},
	},
	{
		name: 'kill platform while it recovers',
		async inject({ victim, random }) {
			await victim.killPlatform();
			await victim.startAgain();
			await pause(random() * 500);
			const sinceMs = performance.now();
			await victim.killPlatform();
			await victim.startAgain();
			return sinceMs;
		},
	},
	{
		name: 'stop engine for a while',
		async inject({ victim, random, stopMsMax }) {
			return await withEngineStopped(victim, () => pause(stopMsMax * (0.3 + 0.7 * random())));
		},
	},
	{
		name: 'kill platform while its engine is stopped',
		async inject({ victim }) {
			const engine = victim.engine();
			if (!victim.signal(engine, 'SIGSTOP')) return undefined;
			await pause(1_000);
			const sinceMs = performance.now();
			await victim.killPlatform();
			await victim.startAgain();
			return sinceMs;
		},
	},
	{
		name: 'stop platform for a while',
		async inject({ victim, random, stopMsMax }) {
			victim.platform.kill('SIGSTOP');
			await pause(Math.min(stopMsMax, 5_000) * (0.3 + 0.7 * random()));
			victim.platform.kill('SIGCONT');
			return performance.now();
		},
	},
	{
		name: 'nearly full disk',
		impossible: ({ disk }) => (disk === undefined ? NO_DISK : undefined),
		inject: ({ disk, stopMsMax, random }) => withDiskOf(disk, (100 + 200 * random()) * MiB, Math.min(stopMsMax, 10_000)),
	},
	{
		name: 'full disk',
		impossible: ({ disk }) => (disk === undefined ? NO_DISK : undefined),
		inject: ({ disk, stopMsMax, random }) => withDiskOf(disk, random() * 2 * MiB, Math.min(stopMsMax, 10_000)),
	},
	{
		name: 'kill platform on a full disk',
		impossible: ({ disk }) => (disk === undefined ? NO_DISK : undefined),
		async inject({ disk, victim }) {
			if ((await disk?.shrink(MiB)) !== true) return undefined;
			await pause(1_000);
			await victim.killPlatform();
			// It may refuse to start as long as there is no room; it must start when there is.
			const started = await victim.startAgain().then(
				() => true,
				() => false,
			);
			disk?.grow();
			const sinceMs = performance.now();
			if (!started) await victim.startAgain();
			return sinceMs;
		},
	},
	{
		name: 'flip bits in sealed segments',
		inject: flipBits,
	},
	{
		name: 'reset all connections',
		async inject({ resetConnections }) {
			resetConnections();
			return performance.now();
		},
	},
	{
		name: 'clock jumps',
		impossible: ({ clock }) => (clock === undefined ? NO_CLOCK : undefined),
		async inject({ clock, random }) {
			for (let jumps = 0; jumps < 3; jumps++) {
				clock?.set((random() * 2 - 1) * CLOCK_JUMP_S_MAX);
				await pause(500 + random() * 1_000);
			}
			return performance.now();
		},
	},
];

async function withEngineStopped(victim: Victim, meanwhile: () => Promise<void>): Promise<number | undefined> {
	const engine = victim.engine();
	if (!victim.signal(engine, 'SIGSTOP')) return undefined;
	try {
		await meanwhile();
	} finally {
		victim.signal(engine, 'SIGCONT');
	}
	return performance.now();
}

async function withDiskOf(disk: SmallDisk | undefined, freeBytes: number, ms: number): Promise<number | undefined> {
	if ((await disk?.shrink(freeBytes)) !== true) return undefined;
	await pause(ms);
	disk?.grow();
	return performance.now();
}

/** Segments wait on disk only while the engine does not take them, so it is stopped meanwhile. One bit in each of up to three. */
async function flipBits({ victim, random, flips, stopMsMax }: Scene): Promise<number | undefined> {
	return await withEngineStopped(victim, async () => {
		const untilMs = performance.now() + Math.min(stopMsMax, 15_000);
		while (victim.sealedSegments().length < 5 && performance.now() < untilMs) await pause(50);
		// The oldest may have been read already.
		const waiting = victim.sealedSegments().slice(2);
		for (let count = 0; count < Math.min(3, waiting.length); count++) {
			const path = waiting[Math.floor(random() * waiting.length)] ?? '';
			const flip = {
				segment: basename(path, '.sealed'),
				offset: Math.floor(random() * statSync(path).size),
				bit: Math.floor(random() * 8),
			};
			const file = openSync(path, 'r+');
			const byte = Buffer.alloc(1);
			readSync(file, byte, 0, 1, flip.offset);
			byte[0]! ^= 1 << flip.bit;
			writeSync(file, byte, 0, 1, flip.offset);
			closeSync(file);
			flips.push(flip);
		}
	});
}

function pause(ms: number): Promise<void> {
	return new Promise((settle) => setTimeout(settle, ms));
}
