/**
 * A fault run: the real platform under load, one fault after the other at random, and an oracle that knows what must be there in the end.
 *
 * Each fault is taken from a shuffled deck, so that every kind comes before any comes again. After each the platform has to recover:
 * a probe must be acknowledged and found by a search. In the end the backlog has to drain, the platform to stop by itself, and no
 * process to be left.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seeded } from '../../bench/decode/requests.ts';
import { spanRequest } from '../end-to-end/sending.ts';
import { jumpingClock } from './clock.ts';
import { smallDisk } from './disk.ts';
import { FAULTS, type Fault, type Scene } from './faults.ts';
import type { FromGenerator, GeneratorSettings, ToGenerator } from './generator.ts';
import { Oracle, type Verdict } from './oracle.ts';
import { RUN_BYTES } from './payload.ts';
import { Victim } from './victim.ts';

const MiB = 1024 * 1024;
/** The engine's default ceiling of 1 GiB, and half of that for the platform's own process. */
const RESIDENT_BYTES_MAX = 1536 * MiB;
const RECOVERY_MS_MAX = 120_000;
const DRAIN_MS_MAX = 180_000;
const SAMPLE_MS = 250;
/** Beside the 512 MiB the buffer keeps free. The run's own data is on it too. */
const DISK_BYTES = 4096 * MiB;

/** Hours move to the kept tier as soon as they are over, so that faults meet that too. */
const SETTINGS = {
	THROUGHLINE_TELEMETRY_TRACES: 'false',
	THROUGHLINE_STORAGE_LIVE_HOURS: '0',
	THROUGHLINE_STORAGE_JOB_EVERY_SECONDS: '2',
} as const;

export interface FaultRunOptions {
	readonly seconds: number;
	readonly seed: number;
	readonly spansPerS: number;
	/** Names of faults to choose from; all by default. */
	readonly only?: readonly string[];
	/** Goes on until every kind has been, however long that takes. */
	readonly wholeDeck?: boolean;
	readonly say: (line: string) => void;
	/** What the platform logs goes here; kept. */
	readonly logFile: string;
}

export interface FaultReport {
	readonly faults: number;
	readonly by_kind: Readonly<Record<string, number>>;
	/** Kind -> why it could not be done here. */
	readonly left_out: Readonly<Record<string, string>>;
	readonly seed: number;
	readonly seconds: number;
	/** Acknowledged in the seconds in which no fault was under way. */
	readonly rate_spans_per_s: number;
	readonly requests: number;
	readonly refused: number;
	readonly refused_for_good: number;
	readonly broken: number;
	readonly acknowledged: number;
	readonly stored: number;
	readonly missing: number;
	readonly duplicated: number;
	readonly lost_to_bit_flips: number;
	readonly lost_reported: number;
	readonly lost_shown: number;
	readonly dead_letters: number;
	readonly derived_exact: boolean;
	readonly recovery_worst_s: number;
	readonly recovery_worst_after: string;
	readonly left_behind: number;
	readonly rss_max_mib: number;
	readonly rss_ceiling_mib: number;
	/** What must not be, in words; empty when the run was good. */
	readonly problems: readonly string[];
}

export async function runFaults(options: FaultRunOptions): Promise<FaultReport> {
	const folder = mkdtempSync(join(tmpdir(), 'throughline-faults-'));
	const run = new FaultRun(options, folder);
	try {
		return await run.whole();
	} finally {
		await run.cleanUp();
		rmSync(folder, { recursive: true, force: true });
	}
}

class FaultRun {
	readonly #options: FaultRunOptions;
	readonly #dataDir: string;
	readonly #random: () => number;
	readonly #disk;
	readonly #clock;
	readonly #oracle: Oracle;
	readonly #runId = randomBytes(RUN_BYTES);
	readonly #flips: Scene['flips'] = [];
	readonly #byKind: Record<string, number> = {};
	readonly #leftOut: Record<string, string> = {};
	#victim: Victim | undefined;
	#generator: ChildProcess | undefined;
	#report: FromGenerator = { acknowledged: [], sent: 0, refused: 0, refusedRetryable: 0, broken: 0, slowestAckMs: 0, stopped: false };
	#quiet = { sinceMs: 0, spans: 0, ms: 0, from: 0 };
	#worst = { ms: 0, after: '' };
	#startedMs = 0;

	constructor(options: FaultRunOptions, folder: string) {
		this.#options = options;
		this.#random = seeded(options.seed);
		this.#dataDir = join(folder, 'data');
		mkdirSync(this.#dataDir);
		this.#disk = smallDisk(this.#dataDir, DISK_BYTES);
		this.#clock = jumpingClock(folder);
		this.#oracle = new Oracle(this.#runId);
	}

	async whole(): Promise<FaultReport> {
		const { seconds, seed } = this.#options;
		this.#say(`seed ${seed}, ${seconds} s`);
		const victim = await Victim.start({
			dataDir: this.#dataDir,
			logFile: this.#options.logFile,
			env: { ...SETTINGS, ...this.#clock?.env },
		});
		this.#victim = victim;
		const sampling = setInterval(() => victim.observe(), SAMPLE_MS);
		try {
			this.#startGenerator(victim);
			this.#startedMs = performance.now();
			this.#beginQuiet();
			await this.#injectFor(seconds * 1000, victim);
			await this.#stopGenerator();
			await drained(victim);
			const leftBehind = await this.#end(victim);
			this.#say('judging');
			const verdict = await this.#oracle.judge(this.#dataDir, this.#flips);
			return this.#result(victim, verdict, leftBehind);
		} finally {
			clearInterval(sampling);
		}
	}

	/** Whatever happened: nothing of the run stays. */
	async cleanUp(): Promise<void> {
		this.#generator?.kill('SIGKILL');
		for (const process of this.#victim?.leftBehind() ?? []) this.#victim?.signal(process, 'SIGKILL');
		this.#victim?.platform.kill('SIGCONT');
		this.#victim?.signal(this.#victim.engine(), 'SIGCONT');
		await this.#victim?.platform.stop();
		this.#disk?.unmount();
	}

	async #injectFor(ms: number, victim: Victim): Promise<void> {
		const scene: Scene = {
			victim,
			disk: this.#disk,
			clock: this.#clock,
			random: this.#random,
			stopMsMax: Math.min(60_000, ms / 5),
			resetConnections: () => this.#tell({ type: 'reset' }),
			flips: this.#flips,
		};
		const possible = this.#possible(scene);
		let deck: Fault[] = [];
		// The first seconds are for warming up, the last for recovering.
		await pause(Math.min(2_000, ms / 10));
		while (performance.now() - this.#startedMs < ms || (this.#options.wholeDeck === true && deck.length > 0)) {
			if (deck.length === 0) deck = shuffled(possible, this.#random);
			const fault = deck.pop() as Fault;
			this.#endQuiet();
			await this.#injectOne(fault, scene);
			this.#beginQuiet();
			await pause(500 + this.#random() * 2_000);
		}
		this.#endQuiet();
	}

	#possible(scene: Scene): Fault[] {
		const { only } = this.#options;
		return FAULTS.filter((fault) => only === undefined || only.includes(fault.name)).filter((fault) => {
			const why = fault.impossible?.(scene);
			if (why !== undefined) this.#leftOut[fault.name] = why;
			return why === undefined;
		});
	}

	async #injectOne(fault: Fault, scene: Scene): Promise<void> {
		const beganMs = performance.now();
		const overMs = await fault.inject(scene);
		if (overMs === undefined) return;
		this.#byKind[fault.name] = (this.#byKind[fault.name] ?? 0) + 1;
		await this.#recovered(scene.victim, overMs);
		const recoveryMs = performance.now() - overMs;
		if (recoveryMs > this.#worst.ms) this.#worst = { ms: recoveryMs, after: fault.name };
		this.#say(
			`${fault.name}: lasted ${seconds(overMs - beganMs)} s, recovered in ${seconds(recoveryMs)} s; ` +
				`${this.#oracle.acknowledged} spans acknowledged, ${this.#report.refused} requests refused, ${Math.round(scene.victim.residentBytesMax / MiB)} MiB at most`,
		);
	}

	/** A probe is acknowledged, and then found. */
	async #recovered(victim: Victim, sinceMs: number): Promise<void> {
		const probe = spanRequest({ service: 'probe', spans: 1 });
		const { otlpHttpUrl, apiUrl } = victim.platform;
		const headers = { 'content-type': 'application/json' };
		const until = async (what: string, ask: (signal: AbortSignal) => Promise<Response>): Promise<void> => {
			while (performance.now() - sinceMs < RECOVERY_MS_MAX) {
				const answer = await ask(AbortSignal.timeout(10_000)).catch(() => undefined);
				await answer?.arrayBuffer().catch(() => undefined);
				if (answer?.ok === true) return;
				await pause(50);
			}
			throw new Error(`${RECOVERY_MS_MAX / 1000} s after the fault a probe was not ${what}`);
		};
		await until('acknowledged', (signal) => fetch(`${otlpHttpUrl}/v1/traces`, { method: 'POST', headers, body: probe.body, signal }));
		await until('found', (signal) => fetch(`${apiUrl}/api/v1/traces/${probe.traceId}`, { signal }));
	}

	#startGenerator(victim: Victim): void {
		const { platform } = victim;
		const settings: GeneratorSettings = {
			httpPort: Number(new URL(platform.otlpHttpUrl).port),
			grpcPort: Number(new URL(platform.otlpGrpcUrl).port),
			apiPort: Number(new URL(platform.apiUrl).port),
			run: this.#runId.toString('hex'),
			seed: this.#options.seed,
			spansPerS: this.#options.spansPerS,
		};
		this.#generator = fork(join(import.meta.dirname, 'generator.ts'));
		this.#generator.on('message', (report: FromGenerator) => {
			for (const firstTrace of report.acknowledged) this.#oracle.acknowledge(firstTrace);
			this.#report = report;
		});
		this.#tell({ type: 'start', settings });
	}

	async #stopGenerator(): Promise<void> {
		this.#tell({ type: 'stop' });
		const untilMs = performance.now() + 60_000;
		while (!this.#report.stopped && performance.now() < untilMs) await pause(50);
		if (!this.#report.stopped) throw new Error('the senders did not stop');
	}

	#tell(message: ToGenerator): void {
		this.#generator?.send(message);
	}

	/** Stops the platform as an operator does. Returns how many processes are still there afterwards. */
	async #end(victim: Victim): Promise<number> {
		victim.observe();
		await victim.platform.stop();
		// An engine whose platform was killed gets a moment to notice.
		for (let attempt = 0; attempt < 40 && victim.leftBehind().length > 0; attempt++) await pause(250);
		return victim.leftBehind().length;
	}

	#beginQuiet(): void {
		this.#quiet.sinceMs = performance.now();
		this.#quiet.from = this.#oracle.acknowledged;
	}

	#endQuiet(): void {
		this.#quiet.ms += performance.now() - this.#quiet.sinceMs;
		this.#quiet.spans += this.#oracle.acknowledged - this.#quiet.from;
	}

	#result(victim: Victim, verdict: Verdict, leftBehind: number): FaultReport {
		const deadLetters = readdirSync(join(victim.bufferDir, 'dead-letter')).filter((name) => !name.endsWith('.json')).length;
		const derivedExact = verdict.summarised === verdict.rows && verdict.rolledUp === verdict.rows;
		const rate = Math.round(verdict.acknowledged === 0 ? 0 : this.#quiet.spans / (this.#quiet.ms / 1000));
		const problems: string[] = [];
		const must = (held: boolean, otherwise: string): void => {
			if (!held) problems.push(otherwise);
		};
		must(verdict.missing === 0, `${verdict.missing} acknowledged spans are missing`);
		must(verdict.duplicated === 0, `${verdict.duplicated} spans are stored twice`);
		must(verdict.lostReported === verdict.lostShown, `${verdict.lostReported} rows reported as damaged, but ${verdict.lostShown} shown`);
		must(derivedExact, `of ${verdict.rows} spans the summaries counted ${verdict.summarised}, the rollups ${verdict.rolledUp}`);
		must(deadLetters === 0, `${deadLetters} segments in dead-letter/`);
		must(leftBehind === 0, `${leftBehind} processes are left behind`);
		must(victim.residentBytesMax <= RESIDENT_BYTES_MAX, `${Math.round(victim.residentBytesMax / MiB)} MiB resident`);
		must(this.#report.refused === this.#report.refusedRetryable, 'requests were refused without a time to come back');
		return {
			faults: Object.values(this.#byKind).reduce((sum, count) => sum + count, 0),
			by_kind: this.#byKind,
			left_out: this.#leftOut,
			seed: this.#options.seed,
			seconds: this.#options.seconds,
			rate_spans_per_s: rate,
			requests: this.#report.sent,
			refused: this.#report.refused,
			refused_for_good: this.#report.refused - this.#report.refusedRetryable,
			broken: this.#report.broken,
			acknowledged: verdict.acknowledged,
			stored: verdict.stored,
			missing: verdict.missing,
			duplicated: verdict.duplicated,
			lost_to_bit_flips: verdict.lost,
			lost_reported: verdict.lostReported,
			lost_shown: verdict.lostShown,
			dead_letters: deadLetters,
			derived_exact: derivedExact,
			recovery_worst_s: Number(seconds(this.#worst.ms)),
			recovery_worst_after: this.#worst.after,
			left_behind: leftBehind,
			rss_max_mib: Math.round(victim.residentBytesMax / MiB),
			rss_ceiling_mib: RESIDENT_BYTES_MAX / MiB,
			problems,
		};
	}

	#say(line: string): void {
		const at = this.#startedMs === 0 ? 0 : (performance.now() - this.#startedMs) / 1000;
		this.#options.say(`[${at.toFixed(1).padStart(6)} s] ${line}`);
	}
}

async function drained(victim: Victim): Promise<void> {
	const untilMs = performance.now() + DRAIN_MS_MAX;
	while (performance.now() < untilMs) {
		const answer = await fetch(`${victim.platform.apiUrl}/metrics`, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
		const text = (await answer?.text().catch(() => '')) ?? '';
		if (/^throughline_buffer_segments 0$/m.test(text)) return;
		await pause(200);
	}
	throw new Error(`the buffer was not loaded ${DRAIN_MS_MAX / 1000} s after the last fault`);
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
	const deck = [...items];
	for (let i = deck.length - 1; i > 0; i--) {
		const j = Math.floor(random() * (i + 1));
		[deck[i], deck[j]] = [deck[j] as T, deck[i] as T];
	}
	return deck;
}

function seconds(ms: number): string {
	return (ms / 1000).toFixed(1);
}

function pause(ms: number): Promise<void> {
	return new Promise((settle) => setTimeout(settle, ms));
}
