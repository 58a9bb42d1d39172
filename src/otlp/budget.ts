/** How much more of something a request may have. */
export class Budget {
	private readonly max: number;
	private used = 0;

	constructor(max: number) {
		this.max = max;
	}

	/** Begins a new request. */
	refill(): void {
		this.used = 0;
	}

	/** Uses up `count`; false, and nothing used, when there is not so much left. */
	take(count = 1): boolean {
		if (this.used + count > this.max) return false;
		this.used += count;
		return true;
	}
}
