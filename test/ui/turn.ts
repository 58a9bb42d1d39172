/** Files of browser tests take turns: browsers beside each other on two cores measure one another, and must not build the UI twice. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const LOCK = resolve(import.meta.dirname, '../../dist/browser-tests.pid');

/** Waits for the turn; call what is handed back to end it. A process that died without ending its turn is passed over. */
export async function takeTurn(): Promise<() => void> {
	mkdirSync(dirname(LOCK), { recursive: true });
	while (!tryLock()) await wait(250);
	return () => rmSync(LOCK, { force: true });
}

function tryLock(): boolean {
	try {
		writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
		return true;
	} catch {
		const holder = readHolder();
		if (holder !== undefined && !isAlive(holder)) rmSync(LOCK, { force: true });
		return false;
	}
}

function readHolder(): number | undefined {
	try {
		return Number(readFileSync(LOCK, 'utf8')) || undefined;
	} catch {
		return undefined;
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}
