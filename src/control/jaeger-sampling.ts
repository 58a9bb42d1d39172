/**
 * The sampling of a document in the form of Jaeger's remote sampling, for SDKs that know nothing else. `strategyType` is a text and all
 * four fields of `operationSampling` are there, because clients insist on them. Rules by prefix or attribute have no such form and are left out.
 */

import { z } from 'zod';
import type { ControlDocument } from './document.ts';

const Probabilistic = z.object({ samplingRate: z.number() });

export const JaegerSampling = z.object({
	strategyType: z.literal('PROBABILISTIC'),
	probabilisticSampling: Probabilistic,
	operationSampling: z.object({
		defaultSamplingProbability: z.number(),
		defaultLowerBoundTracesPerSecond: z.number(),
		perOperationStrategies: z.array(z.object({ operation: z.string(), probabilisticSampling: Probabilistic })),
		defaultUpperBoundTracesPerSecond: z.number(),
	}),
});
export type JaegerSampling = z.infer<typeof JaegerSampling>;

/** Without anything said all is sampled, as the kits do; 0 as upper bound means none. */
export function jaegerSampling({ enabled, signals, sampling }: ControlDocument): JaegerSampling {
	const off = enabled === false || signals?.traces === false;
	const rate = off ? 0 : (sampling?.default ?? 1);
	const operations = new Map<string, number>();
	for (const { match, p } of sampling?.rules ?? [])
		if (match?.name !== undefined && match.name_prefix === undefined && match.attributes === undefined && !operations.has(match.name))
			operations.set(match.name, p);
	return {
		strategyType: 'PROBABILISTIC',
		probabilisticSampling: { samplingRate: rate },
		operationSampling: {
			defaultSamplingProbability: rate,
			defaultLowerBoundTracesPerSecond: off ? 0 : (sampling?.floor_per_min ?? 0) / 60,
			perOperationStrategies: off
				? []
				: [...operations].map(([operation, p]) => ({ operation, probabilisticSampling: { samplingRate: p } })),
			defaultUpperBoundTracesPerSecond: sampling?.ceiling_per_s ?? 0,
		},
	};
}
