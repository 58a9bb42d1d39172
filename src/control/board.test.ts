import { createPublicKey, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import type { Timer } from '../base/timer.ts';
import { ControlBoard, type ControlBoardOptions, signingKey } from './board.ts';

/** Fires when the test says so. */
class HandTimer implements Timer {
	readonly due = new Set<() => void>();
	after(_delayMs: number, run: () => void): () => void {
		this.due.add(run);
		return () => this.due.delete(run);
	}
}

const nobody = () => new AbortController().signal;

function boardWith(over: Partial<ControlBoardOptions> = {}): { board: ControlBoard; timer: HandTimer } {
	const timer = new HandTimer();
	const documents = { defaults: {}, environments: {}, services: {} };
	const options = { documents, revision: 1, signingKey: undefined, waitingMax: 2, clock: systemClock, timer };
	return { board: new ControlBoard({ ...options, ...over }), timer };
}

test('a change wakes all who wait, and is another notice with another tag', async () => {
	const { board, timer } = boardWith();
	const before = board.notice('orders', '');
	const waits = [board.wait(1_000, nobody()), board.wait(1_000, nobody())];
	board.change({ defaults: { enabled: false }, environments: {}, services: {} }, 2);
	expect(await Promise.all(waits)).toEqual(['changed', 'changed']);
	const after = board.notice('orders', '');
	expect([after.etag === before.etag, JSON.parse(after.body)]).toEqual([false, { v: 1, revision: 2, enabled: false }]);
	expect([timer.due.size, board.waiting]).toEqual([0, 0]);
});

test('a wait ends with its time, with its listener and with the board, and there are only so many', async () => {
	const { board, timer } = boardWith();
	const first = board.wait(1_000, nobody());
	const leaving = new AbortController();
	const second = board.wait(1_000, leaving.signal);
	expect(await board.wait(1_000, nobody())).toBe('full');
	leaving.abort();
	expect(await second).toBe('closed');
	for (const fire of timer.due) fire();
	expect(await first).toBe('nothing');
	const third = board.wait(1_000, nobody());
	board.close();
	expect([await third, await board.wait(1_000, nobody())]).toEqual(['closed', 'closed']);
	expect([timer.due.size, board.waiting]).toEqual([0, 0]);
});

test('a signature is for one service in one environment', () => {
	const key = signingKey('nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxrOf2A=');
	if (key === undefined) throw new Error('the seed of RFC 8032 was refused');
	const { board } = boardWith({ signingKey: key });
	const { body, signature = '' } = board.notice('orders', 'production');
	const raw = Buffer.from(signature.replace(/^ed25519=/, ''), 'base64');
	const right = (service: string) =>
		verify(null, Buffer.from(`throughline-control-v1\n${service}\nproduction\n${body}`), createPublicKey(key), raw);
	expect([right('orders'), right('payments')]).toEqual([true, false]);
	for (const wrong of ['', 'secret', 'c2hvcnQ=', 'nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxrOf2A']) expect(signingKey(wrong)).toBeUndefined();
});

test('kits are remembered by instance with what they said last', () => {
	const { board } = boardWith();
	const kit = { service: 'orders', environment: '', instance: 'a', sdk: 'go/0.1.0' };
	board.see({ ...kit, revision: 0 });
	board.see({ ...kit, instance: 'b', revision: 0 });
	board.see({ ...kit, revision: 1 });
	expect(board.kits().map(({ instance, revision }) => [instance, revision])).toEqual([
		['b', 0],
		['a', 1],
	]);
});
