/** The resources of the API, one file each: to add one, write a sibling and list it here. */

import type { Resource } from './context.ts';
import { registerExport } from './export.ts';
import { registerJaeger } from './jaeger.ts';
import { registerKitConfig } from './kit-config.ts';
import { registerPipeline } from './pipeline.ts';
import { registerProbes } from './probes.ts';
import { registerServices } from './services.ts';
import { registerSpans } from './spans.ts';
import { registerStatus } from './status.ts';
import { registerTraceLogs } from './trace-logs.ts';
import { registerTraceOtlp } from './trace-otlp.ts';
import { registerTraces } from './traces.ts';

export const RESOURCES: readonly Resource[] = [
	registerProbes,
	registerStatus,
	registerPipeline,
	registerServices,
	registerTraces,
	registerSpans,
	registerTraceLogs,
	registerTraceOtlp,
	registerExport,
	registerJaeger,
	registerKitConfig,
];
