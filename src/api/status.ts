/** What the platform is and whether it has seen data: the first thing the UI asks. */

import { newestMinutePlan, newestSpanPlan } from '../query/newest.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { PATHS, StatusResponse } from './contract.ts';
import { ERRORS } from './openapi.ts';

export function registerStatus(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.status,
		{ schema: { summary: 'The platform and its newest data', tags: ['platform'], response: { 200: StatusResponse, ...ERRORS } } },
		async (_request, reply): Promise<StatusResponse> => {
			const inquiry = context.ask(reply);
			const [newest] = await inquiry.rows(newestMinutePlan());
			const [span] = newest === undefined ? [] : await inquiry.rows(newestSpanPlan(newest.minute, context.clock.nowMs()));
			const startMs = span?.startMs ?? 0;
			return { ...context.status(), hasData: newest !== undefined, lastSpanMs: startMs > 0 ? startMs : null };
		},
	);
}
