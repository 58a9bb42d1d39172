/** For tests and benchmarks: the tiers over a real engine, with a clock that stands where it is put and loads as the platform makes them. */

import type { Clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { noMetrics } from '../../base/metrics.ts';
import { withConstant } from '../../model/native-constant.ts';
import { ARRIVAL, SPANS, type TableSpec } from '../../model/schema.ts';
import { type EngineFixture, type MadeUp, madeUpSpans, nativeBytes, selectColumns } from '../../store/engine-fixture.ts';
import { load } from '../../store/load.ts';
import { Arrivals } from './arrivals.ts';
import { type TiersOptions, tiersJob } from './job.ts';

export const HOUR_S = 3_600;
/** An hour of 2026. */
export const FIRST_HOUR = 1_790_002_800;

export class TiersFixture {
	nowS = FIRST_HOUR;
	readonly clock: Clock = { nowMs: () => this.nowS * 1_000, monotonicMs: () => performance.now() };
	readonly arrivals = new Arrivals(0, this.clock);
	readonly #engine: EngineFixture;
	#segments = 0;

	constructor(engine: EngineFixture) {
		this.#engine = engine;
	}

	options(changes: Partial<TiersOptions> = {}): TiersOptions {
		return {
			store: this.#engine.store,
			arrivals: this.arrivals,
			storedBeforeMs: () => this.nowS * 1_000,
			liveHours: 1,
			everyMs: 1_000,
			retentionDays: { spans: 14, logs: 14, metrics: 30, rollups: 90 },
			diskBytesMax: undefined,
			clock: this.clock,
			log: silentLog,
			metrics: noMetrics,
			...changes,
		};
	}

	/** One run of the job. */
	async run(changes: Partial<TiersOptions> = {}, signal = new AbortController().signal): Promise<void> {
		await tiersJob(this.options(changes)).run(signal);
	}

	/** The Native bytes of made-up spans of an hour. */
	async spans(count: number, hour: number): Promise<Uint8Array> {
		return await this.bytes(SPANS, madeUpSpans(count, hour, 100));
	}

	async bytes(table: TableSpec, { expressions, source }: MadeUp): Promise<Uint8Array> {
		return await nativeBytes(this.#engine.engine, selectColumns(table, expressions, source));
	}

	/** Loads a segment created now. Answers its token. */
	async load(table: TableSpec, block: Uint8Array, token = `segment-${++this.#segments}`, createdS = this.nowS): Promise<string> {
		const spec = { ...table, columns: [...table.columns, ARRIVAL] };
		await load(this.#engine.store, spec, withConstant(block, ARRIVAL.name, this.arrivals.of(createdS * 1_000)), token);
		return token;
	}
}
