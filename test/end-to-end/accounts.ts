/** The account of rows as `/metrics` tells it, for every test that makes trouble: nothing that came in may be missing from it. */

export type Signal = 'traces' | 'logs' | 'metrics';

export interface SignalAccount {
	/** Acknowledged by this process, and found in the buffer when it started. */
	readonly accepted: number;
	readonly recovered: number;
	readonly stored: number;
	readonly inFlight: number;
	/** Reason -> rows; only reasons that occurred. */
	readonly rejected: Readonly<Record<string, number>>;
	readonly dropped: Readonly<Record<string, number>>;
	/** Decoded, not made durable; the senders were told. */
	readonly failed: number;
}

/** Reads the account of each signal from a platform's `/metrics`. */
export async function readAccounts(apiUrl: string): Promise<Record<Signal, SignalAccount>> {
	return parseAccounts(await (await fetch(`${apiUrl}/metrics`)).text());
}

export function parseAccounts(text: string): Record<Signal, SignalAccount> {
	const samples = text.split('\n').flatMap((line) => {
		const match = /^throughline_(\w+)\{(.*)\} (\S+)$/.exec(line);
		if (match === null) return [];
		const labels = Object.fromEntries(Array.from((match[2] ?? '').matchAll(/(\w+)="([^"]*)"/g), ([, name, value]) => [name, value]));
		return [{ name: match[1], labels, value: Number(match[3]) }];
	});
	const of = (signal: Signal): SignalAccount => {
		const named = (name: string) => samples.filter((sample) => sample.name === name && sample.labels.signal === signal);
		const sum = (name: string) => named(name).reduce((total, { value }) => total + value, 0);
		const byReason = (name: string) =>
			Object.fromEntries(named(name).flatMap(({ labels, value }) => (value > 0 ? [[labels.reason ?? '', value]] : [])));
		return {
			accepted: sum('ingest_accepted_total'),
			recovered: sum('buffer_recovered_rows_total'),
			stored: sum('store_rows_total'),
			inFlight: sum('buffer_rows'),
			rejected: byReason('ingest_rejected_total'),
			dropped: byReason('buffer_dropped_rows_total'),
			failed: sum('ingest_failed_total'),
		};
	};
	return { traces: of('traces'), logs: of('logs'), metrics: of('metrics') };
}

/** Rows that came in and are accounted for nowhere: 0 as long as accepted + recovered = stored + dropped + in flight. */
export function missing({ accepted, recovered, stored, inFlight, dropped }: SignalAccount): number {
	return accepted + recovered - stored - inFlight - Object.values(dropped).reduce((total, rows) => total + rows, 0);
}
