/** The kit's own account of what became of its telemetry, item by item: nothing may be missing, and nothing be lost unless it must. */

import type { Account } from './probe.ts';
import type { Scenario } from './scenarios.ts';

/** Empty when created = exported + dropped + queued for each signal, and what was lost is what the scenario expects, for its causes. */
export function accountProblems(stats: Readonly<Record<string, Account>>, { dropped = {} }: Scenario): string[] {
	return ['spans', 'logs', 'metrics'].flatMap((signal) => {
		const account = stats[signal];
		if (account === undefined) return [`the probe gives no account of ${signal}`];
		const lost = Object.values(account.dropped).reduce((all, each) => all + each, 0);
		const want = (dropped as Record<string, Record<string, number>>)[signal] ?? {};
		return [
			...(account.created === account.exported + lost + account.queued
				? []
				: [`the account of ${signal} is wrong: ${JSON.stringify(account)}`]),
			...(account.queued === 0 ? [] : [`${account.queued} ${signal} are still queued`]),
			...(sorted(account.dropped) === sorted(want) ? [] : [`lost of ${signal}: ${sorted(account.dropped)}, not ${sorted(want)}`]),
		];
	});
}

const sorted = (counts: Readonly<Record<string, number>>): string =>
	JSON.stringify(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
