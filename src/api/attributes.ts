/** Stored attributes with their types, as the contract shows them: sorted by key. */

import { parseTypes, type TypeLetter } from '../model/attribute-text.ts';
import type { Attribute } from './contract.ts';

const TYPE_NAMES: Readonly<Record<TypeLetter, Attribute['type']>> = {
	i: 'int',
	d: 'double',
	b: 'bool',
	x: 'bytes',
	a: 'array',
	m: 'kvlist',
	n: 'empty',
};

export function typedAttributes(attributes: Readonly<Record<string, string>> | undefined, typesText: string | undefined): Attribute[] {
	const types = parseTypes(typesText ?? '');
	return Object.entries(attributes ?? {})
		.map(([key, value]): Attribute => {
			const letter = types.get(key);
			return { key, type: letter === undefined ? 'string' : TYPE_NAMES[letter], value };
		})
		.sort((a, b) => (a.key < b.key ? -1 : 1));
}
