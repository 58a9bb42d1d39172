/** Attributes in the order people read them: by namespace, then by key. */

import type { Attribute } from '../../api/contract.ts';

export interface AttributeGroup {
	/** First part of the key before a dot; '' for keys without one. */
	readonly namespace: string;
	readonly attributes: readonly Attribute[];
}

export function groupAttributes(attributes: readonly Attribute[], search: string): readonly AttributeGroup[] {
	const words = search
		.toLowerCase()
		.split(/\s+/)
		.filter((word) => word !== '');
	const groups = new Map<string, Attribute[]>();
	for (const attribute of attributes) {
		const haystack = `${attribute.key}=${attribute.value}`.toLowerCase();
		if (!words.every((word) => haystack.includes(word))) continue;
		const dot = attribute.key.indexOf('.');
		const namespace = dot <= 0 ? '' : attribute.key.slice(0, dot);
		const group = groups.get(namespace);
		if (group === undefined) groups.set(namespace, [attribute]);
		else group.push(attribute);
	}
	return [...groups]
		.map(([namespace, list]) => ({ namespace, attributes: list.sort((a, b) => a.key.localeCompare(b.key)) }))
		.sort((a, b) => a.namespace.localeCompare(b.namespace));
}
