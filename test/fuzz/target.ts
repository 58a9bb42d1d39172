/** What can be fuzzed. To add a target, copy a file in `targets/` and add a line to its index. */

import type { Random } from './random.ts';

export interface Target {
	/** Name of its folder in `corpus/`. */
	readonly name: string;
	/** Good inputs to begin with. */
	seeds(random: Random): readonly Uint8Array[];
	/**
	 * Tries one input. Throws when a promise is broken. Answers a few words on what happened: an input whose words were never heard before
	 * took a way through the code that no other took, and is kept.
	 */
	attempt(input: Uint8Array): string | Promise<string>;
}

/** Throws what `run.ts` reports, with the input. */
export function broken(promise: string): never {
	throw new Error(promise);
}

/** A message without what differs from input to input. */
export function gist(message: string): string {
	return message
		.replaceAll(/'[^']*'|"[^"]*"/g, '…')
		.replaceAll(/-?\d+/g, '#')
		.slice(0, 100);
}
