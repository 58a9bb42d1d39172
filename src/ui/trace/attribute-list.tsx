/** Attributes, searchable and grouped by namespace; each can be copied and searched for in other traces. */

import { IconCheck, IconCopy, IconFilterPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Attribute } from '../../api/contract.ts';
import { explorePath } from '../app/routes.ts';
import { useSearch } from '../app/use-url.ts';
import { useCopy } from '../widgets/copy.tsx';
import { groupAttributes } from './attributes.ts';

/** Fewer need no search. */
const SEARCH_FROM = 8;

export function AttributeList({
	attributes,
	dropped,
	what,
	searchable = true,
}: {
	attributes: readonly Attribute[];
	dropped: number;
	what: string;
	searchable?: boolean;
}) {
	const [typed, setTyped] = useState('');
	const groups = groupAttributes(attributes, typed);
	if (attributes.length === 0) return <p className="dock__none">No {what}.</p>;
	return (
		<>
			{searchable && attributes.length >= SEARCH_FROM && (
				<input
					className="field dock__search"
					aria-label={`Search ${what}`}
					placeholder={`Search ${attributes.length} ${what}`}
					spellCheck={false}
					value={typed}
					onChange={(event) => setTyped(event.currentTarget.value)}
				/>
			)}
			{groups.map(({ namespace, attributes: list }) => (
				<section key={namespace} className="attributes" aria-label={namespace === '' ? 'without namespace' : namespace}>
					{groups.length > 1 && <h4 className="attributes__namespace">{namespace === '' ? 'other' : namespace}</h4>}
					<dl>
						{list.map((attribute) => (
							<AttributeRow key={attribute.key} attribute={attribute} />
						))}
					</dl>
				</section>
			))}
			{groups.length === 0 && <p className="dock__none">None of {attributes.length} match.</p>}
			{dropped > 0 && <p className="dock__none">{dropped} more were dropped by the SDK: its limit was reached.</p>}
		</>
	);
}

function AttributeRow({ attribute: { key, value, type } }: { attribute: Attribute }) {
	const search = useSearch();
	const { copied, copy } = useCopy();
	return (
		<div className="attributes__row">
			<dt className="code" title={`${key} (${type})`}>
				{key}
			</dt>
			<dd className="code" data-type={type}>
				{type === 'array' || type === 'kvlist' ? readable(value) : value === '' ? <span className="quiet">empty</span> : value}
			</dd>
			<span className="attributes__actions">
				<button
					type="button"
					className="button button--quiet button--square"
					title={copied ? 'Copied' : 'Copy value'}
					aria-label={`Copy ${key}`}
					onClick={() => copy(value)}
				>
					{copied ? <IconCheck size={13} /> : <IconCopy size={13} />}
				</button>
				<Link
					className="button button--quiet button--square"
					href={explorePath(search, { attribute: `${key}=${value}` })}
					title={`Find traces with ${key}=${value}`}
					aria-label={`Filter for ${key}=${value}`}
				>
					<IconFilterPlus size={13} aria-hidden="true" />
				</Link>
			</span>
		</div>
	);
}

/** OTLP JSON values without their wrappers: [1, "a"] instead of {"values":[{"intValue":"1"},…]}. What cannot be read stays as it came. */
function readable(otlpJson: string): string {
	try {
		return JSON.stringify(plain(JSON.parse(otlpJson)), undefined, 1).replace(/\n\s*/g, ' ');
	} catch {
		return otlpJson;
	}
}

function plain(value: unknown): unknown {
	if (typeof value !== 'object' || value === null) return value;
	const object = value as Record<string, unknown>;
	if (Array.isArray(object['values'])) {
		const items = object['values'] as readonly Record<string, unknown>[];
		return items.some((item) => 'key' in item)
			? Object.fromEntries(items.map((item) => [String(item['key']), plain(item['value'])]))
			: items.map(plain);
	}
	const [kind, inner] = Object.entries(object)[0] ?? [];
	if (kind === undefined) return null;
	return kind === 'intValue' ? Number(inner) : plain(inner);
}
