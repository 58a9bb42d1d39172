/**
 * Which hour a record is filed under: the rule of `model/schema.ts`.
 *
 * An hour is 3.6e12 ns = 2^13 * 439 453 125 ns. Counting time in units of 2^13 ns makes a 64-bit time a 51-bit integer, which a double
 * holds exactly, so the hour of any nanosecond is exact without a `bigint`.
 */

const UNITS_PER_HOUR = 439_453_125;
const UNIT_NS = 8192;
const NS_PER_MS = 1e6;
const BACK_MS = 7 * 24 * 3_600_000;
const AHEAD_MS = 3_600_000;

export class HourRule {
	private earliest = 0;
	private latest = 0;
	private receiptHour = 0;
	/** The hour of the last record and where it begins, in units: neighbours share it. */
	private hour = 0;
	private hourStart = 0;

	/** Sets the time of receipt, milliseconds since the epoch. */
	receive(nowMs: number): void {
		this.earliest = ((nowMs - BACK_MS) * NS_PER_MS) / UNIT_NS;
		this.latest = ((nowMs + AHEAD_MS) * NS_PER_MS) / UNIT_NS;
		this.receiptHour = Math.floor(nowMs / 3_600_000) * 3600;
	}

	/** Seconds since the epoch of the hour for a record of this time (halves of a uint64 of ns). */
	of(lo: number, hi: number): number {
		const units = (hi >>> 0) * 0x8_0000 + (lo >>> 13);
		if (units < this.earliest || units > this.latest) return this.receiptHour;
		const into = units - this.hourStart;
		if (into >= 0 && into < UNITS_PER_HOUR) return this.hour;
		const hours = Math.floor(units / UNITS_PER_HOUR);
		this.hourStart = hours * UNITS_PER_HOUR;
		this.hour = hours * 3600;
		return this.hour;
	}
}
