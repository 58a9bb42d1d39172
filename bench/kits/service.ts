/**
 * What the kits cost a whole service: the CPU time a checkout takes in the shop's gateway (Go) and in its orders service (Rust), and how
 * long the customer waits, with telemetry off, with no request recorded, with a tenth, and with all.
 *
 * Four shops stand side by side, optimised builds on one PostgreSQL, each with its own setting, and send to a receiver that decodes and
 * counts. Customers come to one shop after the other at a fixed rate, in short windows, round after round, in another order each time:
 * what else the machine does falls on all alike. CPU is the median of the rounds, quantiles are of all requests together.
 *
 * `node bench/kits/service.ts` runs it alone. `SECONDS=` bounds the traffic (80), `RATE=` is checkouts a second (60).
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresPrograms, startPostgres } from '../../conformance/kits/postgres.ts';
import { type Shop, startShop } from '../../examples/shop/shop.ts';
import { run } from '../../tools/run/process.ts';
import { buildShop } from '../../tools/shop-build.ts';
import { buildGo, drive, LOAD, median, quantileMs, rounded, type Window } from './drive.ts';

const ROUNDS = 4;

const SETTINGS = {
	off: { OTEL_SDK_DISABLED: 'true' },
	unsampled: { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
	'10 %': { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
	'100 %': { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' },
};
export type Mode = keyof typeof SETTINGS;
const MODES = Object.keys(SETTINGS) as Mode[];

export interface ServiceCost {
	readonly mode: Mode;
	/** CPU of one checkout. */
	readonly gatewayMs: number;
	readonly ordersMs: number;
	/** What the customer waits. */
	readonly p50Ms: number;
	readonly p99Ms: number;
	readonly spansPerRequest: number;
	readonly requests: number;
}

export async function measureServices(seconds: number, rate: number, progress: (line: string) => void): Promise<ServiceCost[]> {
	const programs = postgresPrograms();
	if (programs === undefined) throw new Error('PostgreSQL is not installed (tools/setup/system.sh installs it)');
	await buildShop({ tests: false, release: true });
	buildGo();
	const logDir = mkdtempSync(join(tmpdir(), 'throughline-bench-'));
	const stops: (() => Promise<void>)[] = [];
	const shops = new Map<Mode, Shop>();
	try {
		const postgres = await startPostgres(join(logDir, 'postgres.log'));
		stops.push(() => postgres.stop());
		const sink = await run({ name: 'sink', command: LOAD, args: ['sink'], ready: /ready (\S+)/, logFile: join(logDir, 'sink.log') });
		stops.push(() => sink.stop());
		const sinkUrl = sink.ready[1] ?? '';
		for (const mode of MODES) {
			progress(`starting a shop: ${mode}`);
			const shop = await startShop({
				otlpHttpUrl: `${sinkUrl}/${folderOf(mode)}`,
				logDir: join(logDir, folderOf(mode)),
				env: { ...SETTINGS[mode], SHOP_DATABASE_POOL: '4' },
				rustBuild: 'release',
				databaseUrl: postgres.url,
			});
			shops.set(mode, shop);
		}
		const stock = 'UPDATE products SET available = 1000000000'; // that no order is refused
		execFileSync('psql', ['-q', postgres.url, '-c', stock], { env: { ...process.env, PATH: `${programs}:${process.env['PATH'] ?? ''}` } });
		const windows = await playRounds(shops, seconds, rate, progress);
		for (const shop of shops.values()) await shop.stop(); // and sends what it still holds
		const counts = (await (await fetch(sinkUrl)).json()) as Record<string, { Spans: number } | undefined>;
		return MODES.map((mode) => costOf(mode, windows.get(mode) ?? [], counts[folderOf(mode)]?.Spans ?? 0));
	} finally {
		for (const shop of shops.values()) await shop.stop();
		for (const stop of stops.toReversed()) await stop();
		rmSync(logDir, { recursive: true, force: true });
	}
}

/** The first round warms up: connections are made, code is paged in. It is not counted. */
async function playRounds(
	shops: ReadonlyMap<Mode, Shop>,
	seconds: number,
	rate: number,
	progress: (line: string) => void,
): Promise<ReadonlyMap<Mode, Window[]>> {
	const windows = new Map<Mode, Window[]>(MODES.map((mode) => [mode, []]));
	const windowS = Math.max(2, seconds / (MODES.length * (ROUNDS + 1)));
	for (let round = 0; round <= ROUNDS; round++)
		for (let i = 0; i < MODES.length; i++) {
			const mode = MODES[(i + round) % MODES.length] as Mode;
			const shop = shops.get(mode) as Shop;
			const pids = ['gateway', 'orders'].map((name) => shop.processes.find((each) => each.name === name)?.pid ?? 0);
			const window = await drive({ targets: [shop.gatewayUrl], ratePerSecond: rate, seconds: windowS, pids });
			progress(`round ${round} of ${ROUNDS}, ${mode}`);
			windows.get(mode)?.push(window);
		}
	return windows;
}

function costOf(mode: Mode, windows: readonly Window[], spans: number): ServiceCost {
	const counted = windows.slice(1);
	const requestsOf = (window: Window): number => window.targets[0]?.micros.length ?? 0;
	const requests = windows.reduce((sum, window) => sum + requestsOf(window), 0);
	return rounded({
		mode,
		gatewayMs: median(counted.map((window) => (window.cpuMs[0] ?? 0) / requestsOf(window))),
		ordersMs: median(counted.map((window) => (window.cpuMs[1] ?? 0) / requestsOf(window))),
		p50Ms: quantileMs(counted, 0, 0.5),
		p99Ms: quantileMs(counted, 0, 0.99),
		spansPerRequest: spans / requests,
		requests,
	});
}

/** Where a shop's telemetry and logs go. */
const folderOf = (mode: Mode): string => mode.replace(' %', '');

if (import.meta.main) {
	const costs = await measureServices(Number(process.env['SECONDS'] ?? 80), Number(process.env['RATE'] ?? 60), (line) => console.log(line));
	console.table(costs);
}
