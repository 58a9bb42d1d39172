/**
 * Both kits against every scenario: one probe program each, backends of their own, one receiver. A scenario gives three verdicts: the Go
 * kit emitted what is expected, the Rust kit did, and they emitted the same.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadRegistry } from '../../tools/generate.ts';
import { accountProblems } from './account.ts';
import { canonical, type Telemetry } from './canonical.ts';
import { againstEachOther, againstGolden, againstRegistry } from './judge.ts';
import { startPostgres } from './postgres.ts';
import { Probe } from './probe.ts';
import { type Inbox, Receiver } from './receiver.ts';
import type { Scenario } from './scenarios.ts';

export const ROOT: string = resolve(import.meta.dirname, '../..');
export const KITS = ['go', 'rust'] as const;
export type Kit = (typeof KITS)[number];

export type Programs = Readonly<Record<Kit | 'backends', string>>;

export const PROGRAMS: Programs = {
	go: join(ROOT, 'conformance/bin/probe-go'),
	rust: join(ROOT, 'target/debug/conformance-probe'),
	backends: join(ROOT, 'conformance/bin/backends'),
};

const REGISTRY = loadRegistry();

/** Spans end after the peer has its answer; on a busy machine long after. */
const SPANS_TIMEOUT_MS = 20_000;
/** For telemetry that should not be there to arrive all the same. */
const SURPLUS_MS = 20;

export interface Verdict {
	readonly of: 'go' | 'rust' | 'both' | 'registry';
	readonly problems: readonly string[];
}

export interface Result {
	readonly scenario: Scenario;
	readonly verdicts: readonly Verdict[];
	readonly telemetry: Readonly<Record<Kit, Telemetry>>;
	readonly inboxes: Readonly<Record<Kit, Inbox>>;
}

export function probesMissing(): string[] {
	return Object.values(PROGRAMS).filter((program) => !existsSync(program));
}

/** Compiles the probes and the backends; throws when that fails. */
export function buildProbes(): void {
	const bin = join(ROOT, 'conformance/bin');
	build('go', ['build', '-o', join(bin, 'probe-go'), '.'], 'conformance/probes/go');
	build('go', ['build', '-o', join(bin, 'backends'), './backends'], 'conformance/probes/go');
	// As the tests build it, so that nothing is compiled twice.
	build('cargo', ['build', '--locked', '--quiet', '--workspace', '--all-features', '--bin', 'conformance-probe'], '.');
}

function build(command: string, args: string[], folder: string): void {
	const { status } = spawnSync(command, args, { cwd: join(ROOT, folder), stdio: ['ignore', 'inherit', 'inherit'] });
	if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with exit code ${status}`);
}

export class Suite {
	readonly #receiver: Receiver;
	readonly #probes: Readonly<Record<Kit, Probe>>;
	readonly #stop: (() => Promise<void>)[];
	/** Where the probes and their backends wrote. */
	readonly logs: string;
	readonly #backends: ReadonlySet<string>;

	private constructor(
		receiver: Receiver,
		probes: Record<Kit, Probe>,
		stop: (() => Promise<void>)[],
		logs: string,
		backends: ReadonlySet<string>,
	) {
		this.#backends = backends;
		this.#receiver = receiver;
		this.#probes = probes;
		this.#stop = stop;
		this.logs = logs;
	}

	static async start(programs: Programs = PROGRAMS): Promise<Suite> {
		const logs = await mkdtemp(join(tmpdir(), 'throughline-kits-'));
		const stop: (() => Promise<void>)[] = [];
		const probes = {} as Record<Kit, Probe>;
		const backends = new Set<string>();
		const postgres = await startPostgres(join(logs, 'postgres.log'));
		for (const kit of KITS) {
			const { addresses, end } = await startBackends(programs.backends);
			for (const name of Object.keys(addresses)) backends.add(name);
			const probe = new Probe(programs[kit], { ...addresses, postgres: postgres.url }, join(logs, `${kit}.log`));
			probes[kit] = probe;
			stop.push(() => probe.stop(), end);
		}
		stop.push(() => postgres.stop());
		const receiver = await Receiver.start();
		return new Suite(receiver, probes, stop, logs, backends);
	}

	/** Why a scenario cannot be played on this machine; undefined when it can. */
	missing({ id }: Scenario): string | undefined {
		return id.startsWith('redis-') && !this.#backends.has('redis')
			? 'redis-server is not installed: apt-get install redis-server'
			: undefined;
	}

	async run(scenario: Scenario): Promise<Result> {
		const [go, rust] = await Promise.all([this.#play('go', scenario), this.#play('rust', scenario)]);
		const verdicts: Verdict[] = [
			{ of: 'go', problems: [...go.failures, ...againstGolden(go.telemetry, scenario)] },
			{ of: 'rust', problems: [...rust.failures, ...againstGolden(rust.telemetry, scenario)] },
			{ of: 'both', problems: againstEachOther(go.telemetry, rust.telemetry, scenario) },
			{ of: 'registry', problems: [go, rust].flatMap(({ telemetry }) => againstRegistry(telemetry, REGISTRY)) },
		];
		return {
			scenario,
			verdicts,
			telemetry: { go: go.telemetry, rust: rust.telemetry },
			inboxes: { go: go.inbox, rust: rust.inbox },
		};
	}

	/** Safe twice. */
	async close(): Promise<void> {
		for (const stop of this.#stop.splice(0)) await stop();
		this.#receiver.close();
		await rm(this.logs, { recursive: true, force: true });
	}

	async #awaitControl(inbox: Inbox): Promise<string | undefined> {
		const late = sleep(CONTROL_TIMEOUT_MS, 'the document of remote control was not in force in time', { ref: false });
		return Promise.race([inbox.controlled.then(() => undefined), late]);
	}

	async #play(kit: Kit, scenario: Scenario): Promise<{ telemetry: Telemetry; inbox: Inbox; failures: string[] }> {
		const probe = this.#probes[kit];
		const { url, inbox } = this.#receiver.open(`${kit}/${scenario.id}`, scenario.refusals, scenario.control);
		const variables = {
			OTEL_EXPORTER_OTLP_ENDPOINT: url,
			OTEL_METRIC_EXPORT_INTERVAL: '600000',
			...(scenario.control === undefined ? {} : { THROUGHLINE_CONTROL_ENDPOINT: url }),
			...scenario.variables,
		};
		const begun = await probe.begin(variables);
		const uncontrolled = scenario.control === undefined ? undefined : await this.#awaitControl(inbox);
		const behaviours = Array.from({ length: scenario.times ?? 1 }, () => scenario.play ?? scenario.id).flat();
		let error = begun.error ?? uncontrolled;
		for (const [at, behaviour] of behaviours.entries()) {
			if (error === undefined && at > 0) await probe.flush();
			if (error === undefined) ({ error } = await probe.perform(behaviour));
		}
		const giveUpMs = Date.now() + SPANS_TIMEOUT_MS;
		// Once at least, so that the metrics that are sent at the end tell what became of the rest.
		do {
			await probe.flush();
			if (spansIn(inbox) < scenario.spans.length) await sleep(10);
		} while (error === undefined && spansIn(inbox) < scenario.spans.length && Date.now() < giveUpMs);
		await sleep(SURPLUS_MS);
		const ended = await probe.end();
		const failures = [error, ended.error].filter((problem) => problem !== undefined);
		return { telemetry: canonical(inbox, ended.lines), inbox, failures: [...failures, ...accountProblems(ended.stats ?? {}, scenario)] };
	}
}

/** How long the document of remote control may take to be in force. */
const CONTROL_TIMEOUT_MS = 20_000;

function spansIn(inbox: Inbox): number {
	const groups = inbox.traces.flatMap((message) => (message['resourceSpans'] ?? []) as { scopeSpans?: { spans?: unknown[] }[] }[]);
	return groups.flatMap(({ scopeSpans }) => scopeSpans ?? []).reduce((sum, { spans }) => sum + (spans?.length ?? 0), 0);
}

async function startBackends(program: string): Promise<{ addresses: Record<string, string>; end: () => Promise<void> }> {
	const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
	const ended = once(child, 'exit');
	const [line] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])) as [string | number | null];
	if (typeof line !== 'string') throw new Error(`the backends ended with exit code ${line}`);
	const end = async (): Promise<void> => {
		child.stdin.end();
		await ended;
	};
	return { addresses: JSON.parse(line) as Record<string, string>, end };
}
