/**
 * Where the platform's own process spends its time, from V8's sampling profile of one run: each sample counts for the innermost frame
 * that belongs to a stage, so that what decode calls in the columns is decode, and what node:http2 does for gRPC is receive.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Stage = 'receive' | 'decode' | 'encode' | 'append' | 'load' | 'garbage collection' | 'other';

interface Frame {
	readonly functionName: string;
	readonly url: string;
}

interface Profile {
	readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }[];
	readonly samples: readonly number[];
	readonly timeDeltas: readonly number[];
}

const STAGES: readonly (readonly [RegExp, Stage])[] = [
	[/\/src\/otlp\//, 'decode'],
	[/\/src\/model\/native\.ts/, 'encode'],
	[/\/src\/buffer\/loader\.ts|\/src\/server\/load-segments\.ts|\/src\/store\/|@clickhouse/, 'load'],
	[/\/src\/buffer\//, 'append'],
	[/\/src\/receive\/|@grpc|node:internal\/http2|node:_http|node:internal\/(js_)?stream|node:net|node:http|node:zlib/, 'receive'],
];

/** Shares of the samples in which the process was not idle; they add up to 1. The first `skip` of the profile is warm-up. */
export function stageShares(folder: string, skip: number): Readonly<Record<Stage, number>> {
	const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
	if (file === undefined) throw new Error(`no profile was written to ${folder}`);
	const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile;
	const stages = stagesOf(profile);
	const micros: Record<Stage, number> = { receive: 0, decode: 0, encode: 0, append: 0, load: 0, 'garbage collection': 0, other: 0 };
	let total = 0;
	for (let i = Math.floor(profile.samples.length * skip); i < profile.samples.length; i++) {
		const stage = stages.get(profile.samples[i] ?? 0);
		if (stage === undefined) continue;
		micros[stage] += profile.timeDeltas[i] ?? 0;
		total += profile.timeDeltas[i] ?? 0;
	}
	return Object.fromEntries(Object.entries(micros).map(([stage, time]) => [stage, time / total])) as Record<Stage, number>;
}

/** Of every node of the call tree; idle nodes have none. */
function stagesOf({ nodes }: Profile): ReadonlyMap<number, Stage> {
	const byId = new Map(nodes.map((node) => [node.id, node]));
	const stages = new Map<number, Stage>();
	const visit = (id: number, inherited: Stage): void => {
		const node = byId.get(id);
		if (node === undefined || node.callFrame.functionName === '(idle)') return;
		const stage = stageOf(node.callFrame) ?? inherited;
		stages.set(id, stage);
		for (const child of node.children ?? []) visit(child, stage);
	};
	if (nodes[0] !== undefined) visit(nodes[0].id, 'other');
	return stages;
}

function stageOf({ functionName, url }: Frame): Stage | undefined {
	if (functionName === '(garbage collector)') return 'garbage collection';
	return STAGES.find(([pattern]) => pattern.test(url))?.[1];
}
