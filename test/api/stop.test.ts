/** Stopping the API: what is under way may finish, and nobody can keep the platform from ending. */

import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { closeApi } from '../../src/api/app.ts';
import type { ApiApp } from '../../src/api/context.ts';
import { buildFake, fakeEngine } from './fake-engine.ts';

const sockets: Socket[] = [];
afterEach(() => {
	for (const socket of sockets.splice(0)) socket.destroy();
});

async function ask(app: ApiApp, text: string): Promise<Socket> {
	const address = app.server.address();
	const socket = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
	sockets.push(socket);
	socket.on('error', () => {});
	await new Promise<void>((settle) => socket.write(text, () => settle()));
	return socket;
}

test('a client that waits for an answer and one that never ends its request are cut off when their time is over', async () => {
	const app = await buildFake({ engine: fakeEngine(() => new Promise<never>(() => {})) });
	await app.listen({ host: '127.0.0.1', port: 0 });
	const waiting = await ask(app, 'GET /api/v1/services HTTP/1.1\r\nHost: localhost\r\n\r\n');
	await ask(app, 'GET /api/v1/services HTTP/1.1\r\nHost: lo');
	const closed = new Promise((settle) => waiting.once('close', settle));
	await new Promise((settle) => setTimeout(settle, 100));
	await closeApi(app, 200);
	await closed;
});

test('a request under way is answered before the API closes, and its connection does not hold up the rest', async () => {
	const { promise: asked, resolve: arrived } = Promise.withResolvers<void>();
	const engine = fakeEngine(async () => {
		arrived();
		await new Promise((settle) => setTimeout(settle, 150));
		return [];
	});
	const app = await buildFake({ engine });
	await app.listen({ host: '127.0.0.1', port: 0 });
	const socket = await ask(app, 'GET /api/services HTTP/1.1\r\nHost: localhost\r\n\r\n');
	let answer = '';
	socket.on('data', (chunk) => {
		answer += String(chunk);
	});
	const closed = new Promise((settle) => socket.once('close', settle));
	await asked;
	const startedMs = performance.now();
	await closeApi(app, 20_000);
	expect(performance.now() - startedMs).toBeLessThan(10_000);
	await closed;
	expect(answer).toMatch(/^HTTP\/1.1 200 /);
});
