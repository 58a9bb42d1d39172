/** Counts the records of a request that were refused or cut, and says why in a few lines a sender's log can show. */

/** Distinct reasons told; a request that is wrong in more ways is wrong in these too. */
const REASONS_MAX = 6;
const EXAMPLE_CHARS_MAX = 120;

/** Why a record is refused: a label for counters, of which there are only these, and the words for the sender. */
export interface Rejection {
	readonly code: 'trace_id' | 'span_id' | 'parent_span_id' | 'body_depth' | 'point_attributes' | 'request_records';
	readonly text: string;
}

interface Reason {
	count: number;
	readonly example: string;
}

export class Rejections {
	count = 0;
	private readonly noun: string;
	/** Code -> records. */
	readonly codes = new Map<Rejection['code'], number>();
	private readonly reasons = new Map<string, Reason>();
	private readonly warnings = new Map<string, number>();

	/** `noun` is the plural of what a record is called: spans, log records, data points. */
	constructor(noun: string) {
		this.noun = noun;
	}

	/** One record refused; `example` tells the sender which, and is asked for only when the reason is new. */
	add({ code, text }: Rejection, example: () => string): void {
		this.count++;
		this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
		const known = this.reasons.get(text);
		if (known !== undefined) known.count++;
		else if (this.reasons.size < REASONS_MAX) this.reasons.set(text, { count: 1, example: example().slice(0, EXAMPLE_CHARS_MAX) });
	}

	/** Something left out of records that were kept. */
	warn(warning: string, count: number): void {
		this.warnings.set(warning, (this.warnings.get(warning) ?? 0) + count);
	}

	/** '' when there is nothing to tell. */
	message(): string {
		const parts = [];
		if (this.count > 0) {
			const reasons = Array.from(this.reasons, ([reason, { count, example }]) => `${reason} (${count}x, first ${example})`);
			parts.push(`${this.count} ${this.noun} rejected: ${reasons.join('; ')}`);
		}
		for (const [warning, count] of this.warnings) parts.push(`${count} ${warning}`);
		return parts.join('. ');
	}
}
