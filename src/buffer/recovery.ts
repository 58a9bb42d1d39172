/**
 * What a crash left behind, made loadable. Every segment is read once: the torn end of one that was being written is cut off (it
 * was never acknowledged), damage inside is stepped over and set aside, empty ones are deleted.
 */

import { join } from 'node:path';
import type { Aside } from './aside.ts';
import type { BufferContext, Segment } from './options.ts';
import { type Scan, scanSegment } from './scan.ts';
import { type Damage, parseSegmentName, rowsByTable } from './segment.ts';

/** Segments with something to load, oldest first. */
export async function recoverSegments(context: BufferContext, aside: Aside): Promise<Segment[]> {
	const { directory, files, stats, log } = context;
	const found: Segment[] = [];
	for (const name of (await files.list(directory)).sort()) {
		const parsed = parseSegmentName(name);
		if (parsed === undefined) {
			log.warn({ file: join(directory, name) }, 'not a segment; left alone');
			continue;
		}
		const segment = await recover(context, aside, join(directory, name), parsed.id, parsed.sealed);
		if (segment === undefined) continue;
		found.push(segment);
		stats.segments++;
		stats.bytes += segment.bytes;
		stats.recoveredSegments++;
	}
	if (found.length > 0) {
		await files.syncDirectory(directory);
		log.info({ segments: stats.recoveredSegments, bytes: stats.bytes, tornBytes: stats.tornBytes }, 'recovered the buffer');
	}
	return found;
}

async function recover(context: BufferContext, aside: Aside, path: string, id: string, sealed: boolean): Promise<Segment | undefined> {
	const { directory, files, keys, stats, accounts, log } = context;
	let bytes: Uint8Array;
	try {
		bytes = await files.read(path);
	} catch (error) {
		// One unreadable file must not keep the platform from starting; the loader goes on trying.
		log.error({ error, segment: id }, 'cannot read a segment');
		return { id, path, bytes: await files.size(path), records: 0, rows: new Map() };
	}
	const scan = scanSegment(id, bytes, keys);
	const damage = sealed ? damageOfSealed(scan, bytes.length) : scan.damage;
	await aside.damaged(id, bytes, damage);
	for (const { rows } of damage) for (const [table, lost] of rows) accounts.foundLost(table, lost);
	if (scan.records.length === 0) {
		if (!sealed) stats.tornBytes += bytes.length;
		await files.remove(path);
		return undefined;
	}
	const segment: Segment = { id, path, bytes: bytes.length, records: scan.records.length, rows: new Map() };
	for (const [table, rows] of rowsByTable(scan.records)) accounts.recovered(segment, table, rows);
	if (sealed) return segment;
	stats.tornBytes += bytes.length - scan.end;
	segment.bytes = scan.end;
	try {
		if (scan.end < bytes.length) await files.truncate(path, scan.end);
		await files.rename(path, join(directory, `${id}.sealed`));
		segment.path = join(directory, `${id}.sealed`);
	} catch (error) {
		log.warn({ error, segment: id }, 'cannot seal a recovered segment; it is loaded under its old name');
	}
	return segment;
}

/** A sealed segment was synced to its last byte, so an unreadable end is damage too. */
export function damageOfSealed(scan: Scan, length: number): readonly Damage[] {
	if (scan.end >= length) return scan.damage;
	return [...scan.damage, { offset: scan.end, bytes: length - scan.end, records: undefined, rows: scan.rowsBeyond }];
}
