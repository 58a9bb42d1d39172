/** What a sender put on the wire, as the tee saw it, against what the platform gives back, record by record. */

import { expect } from 'vitest';
import type { Platform } from '../../tools/run/platform.ts';
import { canonicalRecords } from '../otlp/canonical.ts';
import { decodeReference } from './reference.ts';
import type { Captured, Signal, Tee } from './tee.ts';

export const SIGNALS: readonly Signal[] = ['traces', 'logs', 'metrics'];

export interface Place {
	readonly platform: Platform;
	/** Stands before the platform; the sender sends to it. */
	readonly tee: Tee;
}

/** Runs a sender, then compares what the tee saw with what came into the store since. Answers what the tee saw. */
export async function compareSent(
	{ platform, tee }: Place,
	send: () => Promise<void> | void,
	expected: readonly Signal[] = SIGNALS,
): Promise<Captured[]> {
	const before = new Map<Signal, string[]>();
	for (const signal of SIGNALS) before.set(signal, await stored(platform, signal));
	await send();
	const captured = tee.take();
	expect(captured.filter(({ status }) => status !== 0 && status !== 200)).toEqual([]);
	for (const signal of expected) {
		const sent = captured.filter((one) => one.signal === signal).flatMap((one) => canonicalRecords(signal, decodeReference(one)));
		expect(sent.length, signal).toBeGreaterThan(0);
		const wanted = [...(before.get(signal) ?? []), ...sent].toSorted();
		let got: string[] = [];
		for (let attempt = 0; attempt < 100 && got.length < wanted.length; attempt++) {
			await new Promise((settle) => setTimeout(settle, 100));
			got = await stored(platform, signal);
		}
		expect(got).toEqual(wanted);
	}
	return captured;
}

/** Everything stored of one signal, as canonical records. */
async function stored(platform: Platform, signal: Signal): Promise<string[]> {
	const answer = await fetch(`${platform.apiUrl}/api/v1/export/${signal}?from=0`);
	expect(answer.status).toBe(200);
	const lines = (await answer.text()).split('\n').filter((line) => line !== '');
	return lines.flatMap((line) => canonicalRecords(signal, JSON.parse(line) as Record<string, unknown>)).toSorted();
}
