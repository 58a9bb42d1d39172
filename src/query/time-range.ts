/** The range every list question is asked over, and the equal steps a series cuts it into. */

import { Failure } from '../base/errors.ts';

export interface TimeRange {
	/** Inclusive, milliseconds since the epoch. */
	readonly fromMs: number;
	/** Inclusive, milliseconds since the epoch. */
	readonly toMs: number;
}

const HOUR_MS = 3_600_000;
/** Year 2200: keeps every time inside the engine's DateTime64(9), which ends in 2262. */
const TIME_MS_MAX = 7_258_118_400_000;

/** Fills in the defaults: to now, from one hour before. Throws `Failure('invalid_argument')` when the range is upside down. */
export function resolveRange(from: number | undefined, to: number | undefined, nowMs: number, lookbackMs = HOUR_MS): TimeRange {
	const toMs = to ?? nowMs;
	const fromMs = from ?? Math.max(0, toMs - lookbackMs);
	if (fromMs > toMs)
		throw new Failure('invalid_argument', `from (${new Date(fromMs).toISOString()}) is after to (${new Date(toMs).toISOString()})`, {
			hint: 'give from before to; without from the range begins one hour before to',
		});
	if (toMs > TIME_MS_MAX)
		throw new Failure('invalid_argument', 'to is after the year 2200', {
			hint: 'times are milliseconds since the epoch (13 digits today) or ISO 8601',
		});
	return { fromMs, toMs };
}

/** Whether a value from outside is a range that `resolveRange` could have made. */
export function isRange(value: { readonly fromMs: unknown; readonly toMs: unknown }): value is TimeRange {
	const { fromMs, toMs } = value;
	return (
		Number.isSafeInteger(fromMs) &&
		Number.isSafeInteger(toMs) &&
		0 <= Number(fromMs) &&
		Number(fromMs) <= Number(toMs) &&
		Number(toMs) <= TIME_MS_MAX
	);
}

export interface Steps {
	/** Start of the first step, a multiple of the step. */
	readonly startMs: number;
	readonly stepMs: number;
	readonly count: number;
}

const STEPS_MAX = 60;
const MINUTE_MS = 60_000;
/** Whole minutes people read easily, because rollups are kept by the minute. */
const STEP_MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080, 43_200];

/** The smallest readable step that covers the range in at most 60 steps. */
export function stepsOf({ fromMs, toMs }: TimeRange): Steps {
	for (const minutes of STEP_MINUTES) {
		const steps = cut(fromMs, toMs, minutes * MINUTE_MS);
		if (steps.count <= STEPS_MAX) return steps;
	}
	return cut(fromMs, toMs, Math.ceil((toMs - fromMs) / ((STEPS_MAX - 1) * MINUTE_MS)) * MINUTE_MS);
}

function cut(fromMs: number, toMs: number, stepMs: number): Steps {
	const startMs = Math.floor(fromMs / stepMs) * stepMs;
	return { startMs, stepMs, count: Math.floor((toMs - startMs) / stepMs) + 1 };
}
