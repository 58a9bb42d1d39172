/** Receivers of telemetry as they are in an outage, each on a port of its own. The tests of both kits have the same. */

import { createServer, type Server, type Socket } from 'node:net';

export interface Receivers {
	/** What is wrong -> where. */
	readonly urls: ReadonlyMap<string, string>;
	close(): Promise<void>;
}

const TRICKLE_MS = 200;

export async function startReceivers(): Promise<Receivers> {
	const servers: Server[] = [];
	const sockets = new Set<Socket>();
	const urls = new Map<string, string>([['refuses', 'http://127.0.0.1:1']]);
	const serve = async (what: string, handle: (socket: Socket) => void): Promise<void> => {
		const server = createServer((socket) => {
			sockets.add(socket);
			socket.on('error', () => socket.destroy());
			socket.on('close', () => sockets.delete(socket));
			handle(socket);
		});
		servers.push(server);
		await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
		const address = server.address();
		urls.set(what, `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
	};
	await serve('swallows', () => {}); // accepts, and is never heard of again
	await serve('resets', (socket) => socket.once('data', () => socket.resetAndDestroy()));
	await serve('answers 503', (socket) => answer(socket, '503 Service Unavailable\r\nRetry-After: 1', ''));
	await serve('trickles', (socket) => {
		socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
		const timer = setInterval(() => socket.write('\0'), TRICKLE_MS);
		socket.on('close', () => clearInterval(timer));
	});
	await serve('talks garbage', (socket) => socket.end('\x16\x03\x01 220 smtp ready\r\n\r\n'));
	await serve('is a web site', (socket) => answer(socket, '200 OK\r\nContent-Type: text/html', '<html>welcome</html>'));
	return {
		urls,
		close: async () => {
			for (const socket of sockets) socket.destroy();
			await Promise.all(servers.map((server) => new Promise((settle) => server.close(settle))));
		},
	};
}

/** Answers each request once its body has come. */
function answer(socket: Socket, head: string, body: string): void {
	let buffered = Buffer.alloc(0);
	socket.on('data', (chunk) => {
		buffered = Buffer.concat([buffered, chunk]);
		for (;;) {
			const end = buffered.indexOf('\r\n\r\n');
			if (end < 0) return;
			const length = Number(/content-length: *(\d+)/i.exec(buffered.toString('latin1', 0, end))?.[1] ?? 0);
			if (buffered.length < end + 4 + length) return;
			buffered = buffered.subarray(end + 4 + length);
			socket.write(`HTTP/1.1 ${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
		}
	});
}
