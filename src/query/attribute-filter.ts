/** `key=value` filters as people type them and as the engine evaluates them. */

import { Failure } from '../base/errors.ts';

export interface AttributeFilter {
	readonly key: string;
	/** Compared with the text form of the attribute (see model/attribute-text.ts). */
	readonly value: string;
}

const FILTERS_MAX = 20;
const KEY_MAX = 256;
const VALUE_MAX = 4_096;

/** Splits at the first `=`; a key holding `=` is written `"a=b"=value`, a quote in it as `\"`. Throws `Failure('invalid_argument')`. */
export function parseAttributeFilters(texts: readonly string[]): AttributeFilter[] {
	if (texts.length > FILTERS_MAX)
		throw new Failure('invalid_argument', `attribute is given ${texts.length} times, at most ${FILTERS_MAX} are read`);
	return texts.map(parseAttributeFilter);
}

function parseAttributeFilter(text: string): AttributeFilter {
	const quoted = /^"((?:[^"\\]|\\.)*)"=/s.exec(text);
	const split = quoted === null ? text.indexOf('=') : quoted[0].length - 1;
	const key = quoted === null ? text.slice(0, Math.max(0, split)).trim() : (quoted[1] ?? '').replace(/\\(.)/gs, '$1');
	const value = text.slice(split + 1);
	if (split < 1 || key === '')
		throw new Failure('invalid_argument', `attribute '${text.slice(0, 80)}' is not key=value`, {
			hint: 'write attribute=http.route=/cart, percent-encoded; repeat the parameter for more',
		});
	if (key.length > KEY_MAX || value.length > VALUE_MAX)
		throw new Failure(
			'invalid_argument',
			`attribute '${key.slice(0, 80)}' is too long: keys hold ${KEY_MAX} characters, values ${VALUE_MAX}`,
		);
	return { key, value };
}
