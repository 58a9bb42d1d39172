/** What the platform is and whether it has seen data: the first thing the UI asks. */

import { newestMinutePlan, newestSpanPlan } from '../query/newest.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { PATHS, StatusResponse } from './contract.ts';
import type { Inquiry } from './engine.ts';
import { ERRORS } from './openapi.ts';

export function registerStatus(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.status,
		{ schema: { summary: 'The platform and its newest data', tags: ['platform'], response: { 200: StatusResponse, ...ERRORS } } },
		async (_request, reply): Promise<StatusResponse> => {
			const inquiry = context.ask(reply);
			const [newest] = await inquiry.rows(newestMinutePlan());
			return {
				...context.status(),
				hasData: newest !== undefined,
				lastSpanMs: newest === undefined ? null : await newestStart(inquiry, newest.minute, context.clock.nowMs()),
			};
		},
	);
}

async function newestStart(inquiry: Inquiry, minute: number, nowMs: number): Promise<number | null> {
	for (const plan of [newestSpanPlan(nowMs, minute), newestSpanPlan(nowMs)]) {
		const [newest] = await inquiry.rows(plan);
		if (newest !== undefined && newest.startMs > 0) return newest.startMs;
	}
	return null;
}
