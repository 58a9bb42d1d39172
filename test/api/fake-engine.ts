/** The API over an engine that is a fake: for failures a real engine does not have at hand, and for what needs no engine at all. */

import { pino } from 'pino';
import { buildApi } from '../../src/api/app.ts';
import type { ApiApp, ApiOptions } from '../../src/api/context.ts';
import type { QueryEngine } from '../../src/api/engine.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemTimer } from '../../src/base/timer.ts';
import { ControlBoard } from '../../src/control/board.ts';
import type { QueryOptions } from '../../src/store/client.ts';

export interface FakeCall extends QueryOptions {
	readonly sql: string;
}

/** Answers every query with what `answer` gives or throws. */
export function fakeEngine(answer: (call: FakeCall) => Promise<readonly unknown[]> | readonly unknown[]): QueryEngine {
	return {
		async query<Row>(sql: string, _params: object = {}, options: QueryOptions = {}) {
			return { rows: (await answer({ sql, ...options })) as readonly Row[], rowsRead: 0, bytesRead: 0, elapsedMs: 0 };
		},
	};
}

export function buildFake(over: Partial<ApiOptions> = {}): Promise<ApiApp> {
	return buildApi({
		engine: fakeEngine(() => []),
		status: () => ({
			version: '0.0.0-test',
			endpoints: { otlpGrpc: '127.0.0.1:4317', otlpHttp: 'http://127.0.0.1:4318' },
			engine: 'embedded',
			buffer: { segments: 0, bytes: 0, oldestSeconds: 0 },
		}),
		pipeline: () => Promise.resolve({ sinceMs: 0, signals: [], buffer: { segments: 0, bytes: 0, bytesMax: 1, oldestSeconds: 0 } }),
		health: () => ({ ready: true, reasons: [] }),
		metricsText: () => Promise.resolve('# HELP up is up\nup 1\n'),
		control: new ControlBoard({
			documents: { defaults: {}, environments: {}, services: {} },
			revision: 1,
			signingKey: undefined,
			waitingMax: 10,
			clock: systemClock,
			timer: systemTimer,
		}),
		uiDir: '/nonexistent/ui',
		bindHost: '127.0.0.1',
		allowedHosts: [],
		queryTimeoutMs: 1_000,
		clock: systemClock,
		log: pino({ level: 'silent' }),
		...over,
	});
}
