import { describe, expect, test } from 'vitest';
import { Body } from './body.ts';
import { ByteBudget } from './byte-budget.ts';

const budget = new ByteBudget(1_000_000);

/** Of two chunks, so that it has memory of its own. */
function filled(): Body {
	const body = new Body(1_000_000, 'inflated', budget.lease());
	body.append(new Uint8Array(50_000).fill(7));
	body.append(new Uint8Array(50_000).fill(8));
	return body;
}

describe('a body', () => {
	test('that is freed holds neither memory nor lease: bombs must not wait for the collector', () => {
		const body = filled();
		const bytes = body.bytes();
		expect([bytes.length, budget.takenBytes]).toEqual([100_000, 100_000]);
		body.free();
		expect([bytes.buffer.byteLength, budget.takenBytes]).toEqual([0, 0]);
		body.free();
		expect(budget.takenBytes).toBe(0);
	});

	test('that is left gives its lease back and stays readable for a decoder on another thread', () => {
		const body = filled();
		const bytes = body.bytes();
		body.leave();
		expect([bytes[0], bytes[99_999], budget.takenBytes]).toEqual([7, 8, 0]);
	});

	test('that is forgotten gives its memory back and keeps its lease', () => {
		const body = filled();
		const bytes = body.bytes();
		body.forget();
		expect([bytes.buffer.byteLength, budget.takenBytes]).toEqual([0, 100_000]);
		body.free();
		expect(budget.takenBytes).toBe(0);
	});
});
