/**
 * Brings the `control:` section of the configuration file to the notice board, at start and whenever the file changes. A file that
 * cannot be used changes nothing: its problems are logged, and what was in force stays. The revision is kept in the data directory.
 */

import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Timer } from '../base/timer.ts';
import { ControlBoard, signingKey } from '../control/board.ts';
import type { Config } from './config.ts';
import type { CollectedMetrics } from './metrics.ts';

/** The file a configuration was read from, and how to read it again. Reading throws `Failure` with every problem. */
export interface ConfigSource {
	readonly file: string;
	readonly read: () => Config;
}

export interface SteeringOptions {
	readonly config: Config;
	/** Undefined when there is no file: then nothing is reloaded. */
	readonly source: ConfigSource | undefined;
	readonly clock: Clock;
	readonly timer: Timer;
	readonly metrics: CollectedMetrics;
	readonly log: Log;
}

export interface Steering {
	readonly board: ControlBoard;
	stop(): void;
}

type ControlSection = Config['control'];

/** A revision and what it stands for. */
interface Remembered {
	readonly revision: number;
	readonly digest: string;
}

export function startSteering({ config, source, clock, timer, metrics, log }: SteeringOptions): Steering {
	const file = join(config.data.dir, 'control-revision.json');
	let current = revisionOf(config.control, recall(file), clock.nowMs());
	remember(file, current);
	const board = new ControlBoard({
		documents: config.control,
		revision: current.revision,
		signingKey: config.control.signingKey === '' ? undefined : signingKey(config.control.signingKey),
		waitingMax: config.control.waitingMax,
		clock,
		timer,
	});
	metrics.observed('throughline_control_revision', 'Revision of the control documents.', 'gauge', () => board.revision);
	metrics.observed('throughline_control_waiting', 'Kits that wait for news.', 'gauge', () => board.waiting);
	const reloads = metrics.counter('throughline_control_reloads_total', 'Changes of the configuration file, by outcome.', ['outcome']);

	const reload = (read: () => Config) => {
		try {
			const { control } = read();
			const next = revisionOf(control, current, clock.nowMs());
			if (next.revision === current.revision) return reloads.add(1, { outcome: 'same' });
			remember(file, next);
			current = next;
			board.change(control, next.revision);
			reloads.add(1, { outcome: 'applied' });
			log.info({ revision: next.revision }, 'the control documents have changed');
		} catch (error) {
			reloads.add(1, { outcome: 'refused' });
			const reason = error instanceof Failure ? error.message : String(error);
			log.error({ reason, revision: current.revision }, 'the changed configuration cannot be used; what was in force stays');
		}
	};
	const stopWatching = source === undefined ? () => {} : watch(source, config.control.reloadEveryMs, timer, reload);
	return {
		board,
		stop() {
			stopWatching();
			board.close();
		},
	};
}

/** Looks at the file again and again: that works on every file system, and through the links Kubernetes swaps. */
function watch(source: ConfigSource, everyMs: number, timer: Timer, reload: (read: () => Config) => void): () => void {
	let seen = stateOf(source.file);
	let cancel = () => {};
	const look = () => {
		const now = stateOf(source.file);
		// A file that is not there is being replaced.
		if (now !== undefined && now !== seen) {
			seen = now;
			reload(source.read);
		}
		cancel = timer.after(everyMs, look);
	};
	cancel = timer.after(everyMs, look);
	return () => cancel();
}

function stateOf(file: string): string | undefined {
	const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
	return stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
}

/**
 * The same documents keep their revision, also across restarts. Others get a higher one: at least the time in seconds, so that it also
 * rises for kits that remember a platform whose data directory is gone.
 */
function revisionOf({ defaults, environments, services }: ControlSection, before: Remembered | undefined, nowMs: number): Remembered {
	const digest = createHash('sha256')
		.update(JSON.stringify([defaults, environments, services]))
		.digest('hex');
	if (before?.digest === digest) return before;
	return { revision: Math.max((before?.revision ?? 0) + 1, Math.floor(nowMs / 1_000)), digest };
}

function recall(file: string): Remembered | undefined {
	try {
		const { revision, digest } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Remembered>;
		return Number.isSafeInteger(revision) && typeof digest === 'string' ? { revision: revision as number, digest } : undefined;
	} catch {
		return undefined; // the first start, or a file that was cut off: the time in seconds is higher than what it said
	}
}

function remember(file: string, remembered: Remembered): void {
	const next = `${file}.next`;
	const handle = openSync(next, 'w');
	try {
		writeSync(handle, JSON.stringify(remembered));
		fsyncSync(handle);
	} finally {
		closeSync(handle);
	}
	renameSync(next, file);
}
