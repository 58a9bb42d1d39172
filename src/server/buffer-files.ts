/** What `throughline buffer` does to the files of a data directory: look at them at any time, and send segments back while no platform runs. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../base/errors.ts';
import { DEAD_LETTER, QUARANTINE } from '../buffer/aside.ts';
import { realFiles } from '../buffer/files.ts';
import { reportSegments, type SegmentReport } from '../buffer/inspect.ts';
import { lockDirectory } from '../store/embedded/directory-lock.ts';
import { bufferDirectory, bufferKeys } from './buffer-settings.ts';
import type { Config } from './config.ts';

export type { SegmentReport } from '../buffer/inspect.ts';

export type Place = 'buffer' | 'dead-letter';

export interface PlacedReport extends SegmentReport {
	readonly place: Place;
}

/**
 * Every segment that waits or was put aside. `open`: encrypted records are decrypted too, which takes the keys. Throws
 * `Failure('not_found')` when the data directory holds no buffer.
 */
export async function* reportBuffer(config: Config, open: boolean): AsyncGenerator<PlacedReport> {
	const keys = open ? bufferKeys(config) : undefined;
	const directory = existing(bufferDirectory(config));
	for await (const report of reportSegments(realFiles, directory, keys)) yield { ...report, place: 'buffer' };
	const aside = join(directory, DEAD_LETTER);
	if (existsSync(aside)) for await (const report of reportSegments(realFiles, aside, keys)) yield { ...report, place: 'dead-letter' };
}

/** Why segments and bytes were put aside, as written then, newest last. Bytes in quarantine are evidence; they cannot be sent back. */
export async function reasonsAside(config: Config, place: 'dead-letter' | 'quarantine'): Promise<{ file: string; reason: unknown }[]> {
	const directory = join(existing(bufferDirectory(config)), place === 'quarantine' ? QUARANTINE : DEAD_LETTER);
	if (!existsSync(directory)) return [];
	const names = (await realFiles.list(directory)).filter((name) => name.endsWith('.json')).sort();
	return Promise.all(
		names.map(async (name) => {
			const file = join(directory, name);
			try {
				return { file, reason: JSON.parse(Buffer.from(await realFiles.read(file)).toString()) as unknown };
			} catch (error) {
				return { file, reason: `cannot be read: ${(error as Error).message}` };
			}
		}),
	);
}

export interface Replayed {
	readonly report: SegmentReport;
	/** Why it stays where it is; undefined when it is in the buffer now. */
	readonly refused: string | undefined;
}

export interface ReplayOptions {
	/** Default: the buffer's own dead letters, which are moved. Segments of any other folder are copied. */
	readonly from?: string;
	/** Only this segment. */
	readonly id?: string;
}

/**
 * Puts segments back into the buffer, from where the next start loads them. Holds the lock of the data directory meanwhile, so no platform
 * can run: throws `Failure('conflict')` naming the process when one does.
 */
export async function replaySegments(config: Config, options: ReplayOptions): Promise<Replayed[]> {
	const keys = bufferKeys(config);
	const directory = existing(bufferDirectory(config));
	const from = existing(options.from ?? join(directory, DEAD_LETTER));
	const lock = lockDirectory(config.data.dir);
	try {
		const done: Replayed[] = [];
		for await (const report of reportSegments(realFiles, from, keys)) {
			if (options.id !== undefined && report.id !== options.id) continue;
			done.push({ report, refused: await replay(report, directory, options.from === undefined) });
		}
		if (options.id !== undefined && done.length === 0) throw new Failure('not_found', `there is no segment ${options.id} in ${from}`);
		return done;
	} finally {
		lock.release();
	}
}

/** Answers why not, or nothing. */
async function replay(report: SegmentReport, directory: string, move: boolean): Promise<string | undefined> {
	if (report.problem !== undefined) return report.problem.message;
	if (report.damage.length > 0) return 'it is damaged; throughline buffer verify tells where';
	if (report.records.length === 0) return 'it holds no record';
	const names = [`${report.id}.sealed`, `${report.id}.seg`].map((name) => join(directory, name));
	if (names.some((name) => existsSync(name))) return 'the buffer holds a segment of this id already';
	const target = join(directory, `${report.id}.${report.state === 'sealed' ? 'sealed' : 'seg'}`);
	await realFiles.replace(target, await realFiles.read(report.path));
	if (!move) return undefined;
	await realFiles.remove(report.path);
	await realFiles.remove(report.path.replace(/\.\w+$/, '.json'));
	return undefined;
}

function existing(directory: string): string {
	if (existsSync(directory)) return directory;
	throw new Failure('not_found', `there is no ${directory}`, { hint: 'name the data directory with --data.dir (THROUGHLINE_DATA_DIR)' });
}
