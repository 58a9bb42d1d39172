/** Puts the figures of the last `make bench-kits` and `make bench-outage` (bench/results) into docs/bench-kits.md, between its markers. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { KitsReport } from './kits.ts';
import type { OutageRow } from './outage.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DOCUMENT = join(ROOT, 'docs/bench-kits.md');

function main(): void {
	let text = readFileSync(DOCUMENT, 'utf8');
	const kits = results<KitsReport>('kits.json');
	if (kits !== undefined) {
		text = between(text, 'machine', kits.machine);
		text = between(text, 'targets', targetsOf(kits));
		if (kits.services.length > 0) text = between(text, 'services', servicesOf(kits));
		text = between(text, 'operations', operationsOf(kits));
	}
	const outages = results<OutageRow[]>('outage.json');
	if (outages !== undefined) text = between(text, 'outages', outagesOf(outages));
	writeFileSync(DOCUMENT, text);
}

function results<T>(name: string): T | undefined {
	const file = join(ROOT, 'bench/results', name);
	return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

function between(text: string, what: string, content: string): string {
	const [begin, end] = [`<!-- ${what} -->`, `<!-- end of ${what} -->`];
	const [before, rest] = [text.split(begin)[0], text.split(end)[1]];
	if (before === undefined || rest === undefined) throw new Error(`${DOCUMENT} has no place for ${what}`);
	return `${before}${begin}\n${content}\n${end}${rest}`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
	[head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const targetsOf = ({ targets }: KitsReport): string =>
	table(
		['', 'measured', 'at most', ''],
		targets.map(({ what, got, most, met }) => [what, String(got), String(most), met ? 'met' : '**missed**']),
	);

function servicesOf({ services }: KitsReport): string {
	const off = services.find(({ mode }) => mode === 'off');
	const to = (value: number, base: number | undefined): string => `${value.toFixed(2)} (${(value / (base ?? value)).toFixed(2)})`;
	return table(
		['telemetry', 'CPU of gateway, Go, ms', 'CPU of orders, Rust, ms', 'p50, ms', 'p99, ms', 'spans'],
		services.map((each) => [
			each.mode,
			to(each.gatewayMs, off?.gatewayMs),
			to(each.ordersMs, off?.ordersMs),
			to(each.p50Ms, off?.p50Ms),
			to(each.p99Ms, off?.p99Ms),
			each.spansPerRequest.toFixed(1),
		]),
	);
}

const operationsOf = ({ costs }: KitsReport): string =>
	table(
		['operation', 'CPU, ns', 'allocations'],
		Object.entries(costs).map(([name, { ns, allocs }]) => [name, String(ns), String(allocs ?? '')]),
	);

const outagesOf = (rows: readonly OutageRow[]): string =>
	table(
		['kit', 'receiver', 'p50, ms', 'p99, ms', 'of none', 'CPU a request, ms', 'of none', 'peak, MiB', 'ended in, ms'],
		rows.map((row) => [
			row.kit,
			row.outage,
			row.p50Ms.toFixed(2),
			row.p99Ms.toFixed(2),
			row.p99Ratio.toFixed(3),
			row.cpuMs.toFixed(3),
			row.cpuRatio.toFixed(3),
			String(Math.round(row.peakMiB)),
			String(Math.round(row.endedMs)),
		]),
	);

main();
