/** The account of everything that came in: what was acknowledged is stored, in the buffer, or dropped for a reason that is named. */

import type { ApiApp, ApiContext } from './context.ts';
import { PATHS, PipelineResponse } from './contract.ts';
import { ERRORS } from './openapi.ts';

export function registerPipeline(app: ApiApp, context: ApiContext): void {
	app.get(
		PATHS.pipeline,
		{ schema: { summary: 'What came in and where it went', tags: ['platform'], response: { 200: PipelineResponse, ...ERRORS } } },
		() => context.pipeline(),
	);
}
