/**
 * Before the engine opens its folder: makes the memory of loads agree with the parts that are there.
 *
 * A table remembers the tokens of its last loads in a log of its own (`deduplication_logs/*.txt`, lines of `operation`, part and
 * token; operation 1 adds, 2 drops), so that a load that is repeated counts once. The engine writes that line before the part it stands for
 * is in place. When it is killed in between, or when the disk was full and the part is nothing but empty files (it is moved to
 * `detached/` at the next start), the log remembers a load that is not there, and the repetition that would bring the data back is ignored:
 * what was acknowledged would be lost. So lines whose part is gone are taken out.
 *
 * A part is called `<partition>_<first block>_<last block>_<level>`, and merging makes one that covers the blocks of its sources. A line is
 * good as long as some part covers it.
 */

import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PART = /^(.+)_(\d+)_(\d+)_\d+(?:_\d+)?$/;
const ADD = '1';

interface Blocks {
	readonly first: number;
	readonly last: number;
}

/** Mends the tables below `database` (the library's folder). Returns the parts whose loads are forgotten, so that they can be repeated. */
export function forgetBrokenParts(database: string): string[] {
	const forgotten = new Set<string>();
	for (const table of tableFolders(database)) {
		const logs = join(table, 'deduplication_logs');
		const names = list(logs).filter((name) => name.endsWith('.txt'));
		if (names.length === 0) continue;
		const present = partsIn(table);
		for (const name of names) for (const part of mend(join(logs, name), present)) forgotten.add(part);
	}
	return [...forgotten];
}

function mend(path: string, present: ReadonlyMap<string, readonly Blocks[]>): string[] {
	const lines = readFileSync(path, 'utf8').split('\n');
	const gone = new Set<string>();
	for (const line of lines) {
		const [operation, part = ''] = line.split('\t');
		if (operation === ADD && !isCovered(part, present)) gone.add(part);
	}
	// What was dropped on purpose has a line that says so, and stays as it is.
	for (const line of lines) {
		const [operation, part = ''] = line.split('\t');
		if (operation !== ADD) gone.delete(part);
	}
	if (gone.size === 0) return [];
	writeFileSync(`${path}.tmp`, lines.filter((line) => !gone.has(line.split('\t')[1] ?? '')).join('\n'));
	renameSync(`${path}.tmp`, path);
	return [...gone];
}

function isCovered(part: string, present: ReadonlyMap<string, readonly Blocks[]>): boolean {
	const match = PART.exec(part);
	if (match?.[1] === undefined) return true; // Not a name we know how to judge.
	const [first, last] = [Number(match[2]), Number(match[3])];
	return (present.get(match[1]) ?? []).some((blocks) => blocks.first <= first && blocks.last >= last);
}

/** The blocks of the parts that are whole, by partition. */
function partsIn(table: string): Map<string, Blocks[]> {
	const present = new Map<string, Blocks[]>();
	for (const name of list(table)) {
		const match = PART.exec(name);
		if (match?.[1] === undefined || !isWhole(join(table, name))) continue;
		const blocks = { first: Number(match[2]), last: Number(match[3]) };
		const others = present.get(match[1]);
		if (others === undefined) present.set(match[1], [blocks]);
		else others.push(blocks);
	}
	return present;
}

/** A part's list of checksums is the last thing written into it; the engine sets aside a part without one. */
function isWhole(part: string): boolean {
	try {
		return statSync(join(part, 'checksums.txt')).size > 0;
	} catch {
		return false;
	}
}

function tableFolders(database: string): string[] {
	const store = join(database, 'store');
	return list(store).flatMap((prefix) => list(join(store, prefix)).map((table) => join(store, prefix, table)));
}

function list(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return []; // Not there yet, or not a folder.
	}
}
