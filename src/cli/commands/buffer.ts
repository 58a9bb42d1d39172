/** `throughline buffer inspect | verify | replay`: what waits for the engine or was put aside, whether it is whole, and the way back. */

import type { Command } from 'commander';
import type { Failure } from '../../base/errors.ts';
import { type PlacedReport, reasonsAside, replaySegments, reportBuffer, type SegmentReport } from '../../server/buffer-files.ts';
import { settingsOf, withSettings } from './settings.ts';

/** Exit code when something is damaged, cannot be read or was not sent back. */
const FOUND_FAULT = 1;

export function buffer(program: Command): void {
	const group = program.command('buffer').description('look at what waits on disk for the engine, verify it, send dead letters back');
	inspect(group);
	verify(group);
	replay(group);
}

function inspect(group: Command): void {
	withSettings(
		group
			.command('inspect')
			.description('list segments that wait and those put aside, and why; changes nothing, safe beside a running platform')
			.option('--segment <id>', 'every record of this segment')
			.option('--json', 'one JSON object a line'),
	).action(async (_options: unknown, command: Command) => {
		const { segment, json } = command.opts<{ segment?: string; json?: boolean }>();
		const config = settingsOf(command);
		const reports: PlacedReport[] = [];
		for await (const report of reportBuffer(config, false)) if (segment === undefined || report.id === segment) reports.push(report);
		if (json === true) for (const report of reports) console.log(JSON.stringify(asJson(report, segment !== undefined)));
		else if (segment === undefined) printList(reports);
		else for (const report of reports) printSegment(report);
		if (segment !== undefined) {
			if (reports.length === 0) fail(`there is no segment ${segment}`);
			return;
		}
		for (const place of ['dead-letter', 'quarantine'] as const)
			for (const { file, reason } of await reasonsAside(config, place))
				console.log(json === true ? JSON.stringify({ place, file, reason }) : `\n${file}\n  ${JSON.stringify(reason)}`);
	});
}

function verify(group: Command): void {
	withSettings(
		group
			.command('verify')
			.description('check every checksum and decrypt every record; exit code 1 when a segment is damaged or cannot be read')
			.option('--checksums-only', 'do not decrypt; takes no keys')
			.option('--json', 'one JSON object a line'),
	).action(async (_options: unknown, command: Command) => {
		const { checksumsOnly, json } = command.opts<{ checksumsOnly?: boolean; json?: boolean }>();
		const sum = { segments: 0, bytes: 0, records: 0, rows: 0, faulty: 0 };
		for await (const report of reportBuffer(settingsOf(command), checksumsOnly !== true)) {
			sum.segments++;
			sum.bytes += report.bytes;
			sum.records += report.records.length;
			sum.rows += total(report.rows);
			const faults = faultsOf(report);
			if (faults.length > 0) sum.faulty++;
			if (json === true) console.log(JSON.stringify(asJson(report, false)));
			else for (const fault of faults) console.log(`${report.path}: ${fault}`);
		}
		if (json === true) console.log(JSON.stringify(sum));
		else console.log(`${sum.segments} segments, ${sum.records} records, ${sum.rows} rows, ${sum.bytes} bytes: ${sum.faulty} with faults`);
		if (sum.faulty > 0) process.exitCode = FOUND_FAULT;
	});
}

function replay(group: Command): void {
	withSettings(
		group
			.command('replay')
			.description('put dead letters back into the buffer of a stopped platform; its next start loads them, and they count once')
			.option('--segment <id>', 'only this one (default: all)')
			.option('--from <folder>', 'copy the segments of another folder instead, e.g. of a backup'),
	).action(async (_options: unknown, command: Command) => {
		const { segment, from } = command.opts<{ segment?: string; from?: string }>();
		const done = await replaySegments(settingsOf(command), {
			...(segment === undefined ? {} : { id: segment }),
			...(from === undefined ? {} : { from }),
		});
		let rows = 0;
		let refusals = 0;
		for (const { report, refused } of done) {
			if (refused === undefined) rows += total(report.rows);
			else refusals++;
			console.log(`${report.id}: ${refused === undefined ? `${describeRows(report)} back in the buffer` : `left where it is: ${refused}`}`);
		}
		console.log(`${done.length - refusals} segments with ${rows} rows will be loaded when the platform starts, ${refusals} were left`);
		if (refusals > 0) process.exitCode = FOUND_FAULT;
	});
}

function printList(reports: readonly PlacedReport[]): void {
	const head = ['place', 'segment', 'state', 'created', 'bytes', 'records', 'rows', 'key'];
	const lines = reports.map((report) => [
		report.place,
		report.id,
		report.state,
		new Date(report.createdMs).toISOString(),
		String(report.bytes),
		String(report.records.length),
		describeRows(report),
		report.keyId ?? 'plain',
	]);
	const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)));
	for (const line of [head, ...lines])
		console.log(
			line
				.map((cell, column) => cell.padEnd(widths[column] ?? 0))
				.join('  ')
				.trimEnd(),
		);
	for (const report of reports) for (const fault of faultsOf(report)) console.log(`${report.path}: ${fault}`);
	if (reports.length === 0) console.log('nothing waits, and nothing was put aside');
}

function printSegment(report: PlacedReport): void {
	console.log(`${report.path}\n  ${report.state}, ${report.bytes} bytes, ${describeRows(report)}, ${report.keyId ?? 'plain'}`);
	for (const { sequence, table, rows, bytes } of report.records)
		console.log(`  ${String(sequence).padStart(6)}  ${table}  ${rows} rows  ${bytes} bytes`);
	for (const fault of faultsOf(report)) console.log(`  ${fault}`);
}

/** What is wrong with a segment, in words. The torn end of one that is being written is not. */
function faultsOf({ problem, damage }: SegmentReport): string[] {
	const faults = problem === undefined ? [] : [explain(problem)];
	for (const { offset, bytes, records, rows } of damage)
		faults.push(
			`damaged: ${bytes} bytes from offset ${offset}, ${records ?? 'an unknown number of'} records, ${describeRows({ rows })} known to be lost`,
		);
	return faults;
}

function explain({ message, hint }: Failure): string {
	return hint === undefined ? message : `${message}; ${hint}`;
}

function describeRows({ rows }: Pick<SegmentReport, 'rows'>): string {
	return Array.from(rows, ([table, count]) => `${count} ${table}`).join(', ') || '0 rows';
}

function total(rows: ReadonlyMap<string, number>): number {
	return [...rows.values()].reduce((sum, count) => sum + count, 0);
}

function asJson({ records, rows, damage, problem, ...report }: PlacedReport, withRecords: boolean): object {
	return {
		...report,
		rows: Object.fromEntries(rows),
		records: withRecords ? records : records.length,
		damage: damage.map((range) => ({ ...range, rows: Object.fromEntries(range.rows) })),
		problem: problem?.message,
	};
}

function fail(message: string): void {
	process.stderr.write(`throughline: ${message}\n`);
	process.exitCode = FOUND_FAULT;
}
