import { describe, expect, test } from 'vitest';
import vectors from '../../spec/vectors/control.json' with { type: 'json' };
import { ControlDocument, type ControlDocuments, documentProblems, mergedDocument, renderDocument } from './document.ts';

interface Case {
	readonly name: string;
	readonly document?: { readonly v?: unknown; readonly revision?: unknown };
	readonly accepted: boolean;
	readonly applied?: number;
	readonly bytes?: number;
	readonly append_hex?: string;
}

/** What the platform fills in itself is not for operators to get wrong. */
const OF_THE_PLATFORM = /version|revision/;
const cases = (vectors.cases as readonly Case[]).filter(
	(one) => one.document !== undefined && one.bytes === undefined && one.append_hex === undefined && !OF_THE_PLATFORM.test(one.name),
);

describe('the documents both kits were tested with', () => {
	test('are enough to prove something', () => expect(cases.length).toBeGreaterThan(110));

	test.each(cases.filter(({ accepted }) => !accepted).map((one) => [one.name, one]))(
		'%s: what a kit refuses is refused here',
		(_name, one) => {
			const { v: _v, revision: _revision, ...document } = one.document ?? {};
			expect(ControlDocument.safeParse(document).success).toBe(false);
		},
	);

	test('what operators write and kits accept is accepted here, but for what kits let pass for their successors', () => {
		const lenient = /unknown|null|not said|says nothing|an object may|without a match|that says/;
		for (const one of cases.filter(({ accepted, name }) => accepted && !lenient.test(name))) {
			const { v: _v, revision: _revision, ...document } = one.document ?? {};
			expect([one.name, ControlDocument.safeParse(document).error?.issues ?? []]).toEqual([one.name, []]);
		}
	});
});

test('a setting that no kit knows is refused: it would be ignored without a word', () => {
	expect(ControlDocument.safeParse({ sampling: { probability: 0.5 } }).success).toBe(false);
});

test('the more is named the more it counts; objects are merged, lists replaced', () => {
	const documents: ControlDocuments = {
		defaults: { ttl_s: 60, sampling: { default: 0.1, rules: [{ p: 1 }] }, logs: { level: 'info' } },
		environments: { production: { sampling: { default: 0.01, ceiling_per_s: 100 } } },
		services: {
			orders: { sampling: { rules: [] }, environments: { production: { sampling: { default: 0.5 } }, staging: { enabled: false } } },
		},
	};
	expect(mergedDocument(documents, 'orders', 'production')).toEqual({
		ttl_s: 60,
		sampling: { default: 0.5, rules: [], ceiling_per_s: 100 },
		logs: { level: 'info' },
	});
	expect(mergedDocument(documents, 'orders', 'staging')).toMatchObject({ enabled: false, sampling: { default: 0.1 } });
	expect(mergedDocument(documents, 'other', '')).toEqual(documents.defaults);
	expect(mergedDocument(documents, '__proto__', 'constructor')).toEqual(documents.defaults);
	expect(JSON.parse(renderDocument({ enabled: false }, 7))).toEqual({ v: 1, revision: 7, enabled: false });
});

test('documents too large for a kit are found before they are served, and named', () => {
	const rules = Array.from({ length: 100 }, (_, index) => ({ match: { name: `${index}`.padEnd(256, 'x') }, p: 1 }));
	const overrides = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`${index}`.padEnd(256, 'x'), 'info' as const]));
	const instrumentations = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`${index}`.padEnd(400, 'x'), true]));
	const documents = {
		defaults: { sampling: { rules }, logs: { overrides } },
		environments: {},
		services: { orders: { instrumentations } },
	};
	expect(documentProblems(documents)).toEqual([expect.stringContaining("service 'orders' in environment ''")]);
});
