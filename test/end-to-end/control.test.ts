/** Remote control from the file an operator edits to the spans of a Go and of a Rust program, over the real platform. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Probe } from '../../conformance/kits/probe.ts';
import { type Inbox, Receiver } from '../../conformance/kits/receiver.ts';
import { PROGRAMS, probesMissing } from '../../conformance/kits/suite.ts';
import { startPlatform } from '../../tools/run/platform.ts';

/** What was promised: from the change of the file to the first span it changes. */
const APPLIED_WITHIN_MS = 2_000;

const folder = mkdtempSync(join(tmpdir(), 'control-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface KitsAnswer {
	readonly revision: number;
	readonly kits: readonly { readonly sdk: string; readonly environment: string; readonly revision: number }[];
}

test.skipIf(probesMissing().length > 0)(
	'an edit of the configuration changes the sampling of both kits within two seconds, on and off',
	async () => {
		const file = join(folder, 'throughline.yaml');
		const sample = (probability: number): number => {
			writeFileSync(file, `control:\n  services:\n    probe: {environments: {test: {sampling: {default: ${probability}}}}}\n`);
			return Date.now();
		};
		sample(0);
		const platform = await startPlatform({ dataDir: join(folder, 'data'), env: { THROUGHLINE_CONFIG: file } });
		const receiver = await Receiver.start();
		const kits = (['go', 'rust'] as const).map((name) => {
			const { url, inbox } = receiver.open(name);
			const probe = new Probe(PROGRAMS[name], {}, join(folder, `${name}.log`));
			const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: url, THROUGHLINE_CONTROL_ENDPOINT: platform.apiUrl };
			return { name, inbox, probe, played: probe.begin(variables).then(() => probe.perform('control-follow')) };
		});
		const allApplied = async (after: number): Promise<KitsAnswer> => {
			for (let attempt = 0; attempt < 300; attempt++) {
				const answer = (await (await fetch(`${platform.apiUrl}/api/v1/kits`)).json()) as KitsAnswer;
				const all = answer.revision > after && answer.kits.length === kits.length;
				if (all && answer.kits.every(({ revision }) => revision === answer.revision)) return answer;
				await new Promise((settle) => setTimeout(settle, 50));
			}
			throw new Error('not every kit has told that it applied the document');
		};
		try {
			const first = await allApplied(0);
			const told = first.kits.map(({ sdk, environment }) => `${sdk.split('/')[0]} ${environment}`);
			expect(told.toSorted()).toEqual(['go test', 'rust test']);
			const onMs = sample(1);
			await allApplied(first.revision);
			const offMs = sample(0);
			for (const { name, probe, played, inbox } of kits) {
				expect([name, await played]).toEqual([name, {}]);
				await probe.flush();
				// A kit records until it has its first document; those spans are older than the change.
				const ticks = startsMs(inbox).filter((startMs) => startMs >= onMs);
				expect(ticks.length, name).toBeGreaterThan(0);
				expect(Math.min(...ticks) - onMs, `${name}: on`).toBeLessThan(APPLIED_WITHIN_MS);
				expect(Math.max(...ticks) - offMs, `${name}: off`).toBeLessThan(APPLIED_WITHIN_MS);
			}
		} finally {
			await Promise.all(kits.map(({ probe }) => probe.stop()));
			receiver.close();
			await platform.stop();
		}
	},
);

/** When the spans of an inbox began. */
function startsMs(inbox: Inbox): number[] {
	const text = JSON.stringify(inbox.traces);
	return [...text.matchAll(/"startTimeUnixNano":"(\d+)"/g)].map(([, nanos]) => Number(BigInt(nanos ?? 0) / 1_000_000n));
}
