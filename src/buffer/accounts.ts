/**
 * The account of rows: appended + recovered = loaded + dropped + in flight, for each table and at every moment. What is in flight is
 * summed over the segments themselves, not computed as the rest, so that the equation can fail and tests can see it hold.
 */

/** Why rows that were durable did not reach the engine. */
export const DROP_REASONS = [
	'dead_letter', // the engine refuses them for good; kept in dead-letter/
	'damage', // the disk changed or lost their bytes; what is left of them is kept in quarantine/
	'full', // limits.whenFull is drop-oldest, and newer rows needed the room
	'age', // older than limits.ageMaxMs
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

export interface TableAccount {
	/** Made durable by this process. */
	appended: number;
	/** Made durable by an earlier one and found at start. */
	recovered: number;
	loaded: number;
	readonly dropped: Record<DropReason, number>;
	/** Durable, and neither loaded nor dropped. */
	inFlight: number;
}

/** Whoever holds rows: a segment. Table -> rows that are neither in the engine nor dropped yet. */
export interface Holder {
	readonly rows: Map<string, number>;
}

export class Accounts {
	readonly #tables = new Map<string, TableAccount>();

	appended(holder: Holder, table: string, rows: number): void {
		this.#of(table).appended += rows;
		add(holder, table, rows);
	}

	recovered(holder: Holder, table: string, rows: number): void {
		this.#of(table).recovered += rows;
		add(holder, table, rows);
	}

	loaded(holder: Holder, table: string, rows: number): void {
		this.#of(table).loaded += rows;
		add(holder, table, -rows);
	}

	dropped(holder: Holder, table: string, rows: number, reason: DropReason): void {
		this.#of(table).dropped[reason] += rows;
		add(holder, table, -rows);
	}

	/** All that `holder` still holds. */
	droppedAll(holder: Holder, reason: DropReason): void {
		for (const [table, rows] of holder.rows) this.dropped(holder, table, rows, reason);
	}

	/** Rows that were lost before anybody held a segment of them. */
	foundLost(table: string, rows: number): void {
		const account = this.#of(table);
		account.recovered += rows;
		account.dropped.damage += rows;
	}

	snapshot(holders: Iterable<Holder>): Map<string, TableAccount> {
		const copy = new Map<string, TableAccount>();
		for (const [table, account] of this.#tables) copy.set(table, { ...account, dropped: { ...account.dropped }, inFlight: 0 });
		for (const holder of holders)
			for (const [table, rows] of holder.rows) {
				const account = copy.get(table);
				if (account !== undefined) account.inFlight += rows;
			}
		return copy;
	}

	#of(table: string): TableAccount {
		let account = this.#tables.get(table);
		if (account === undefined) {
			const dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>;
			account = { appended: 0, recovered: 0, loaded: 0, dropped, inFlight: 0 };
			this.#tables.set(table, account);
		}
		return account;
	}
}

/** What came in and is accounted for nowhere; 0 as long as the account holds. */
export function missingRows({ appended, recovered, loaded, dropped, inFlight }: TableAccount): number {
	return appended + recovered - loaded - inFlight - Object.values(dropped).reduce((sum, rows) => sum + rows, 0);
}

function add(holder: Holder, table: string, rows: number): void {
	holder.rows.set(table, (holder.rows.get(table) ?? 0) + rows);
}
