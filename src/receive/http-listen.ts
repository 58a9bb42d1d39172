/** A `node:http` server within the receivers' limits: connections, headers, bodies and its own end are bounded the same for every protocol. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refuseBrokenHttp } from './http-broken.ts';
import { cannotListen, type Receiver, type ReceiverLimits, type ReceiverOptions, type RequestLedger, type Transport } from './receiver.ts';

/** How long a sender that was answered early may go on sending before its connection is cut. */
const LINGER_MS = 5_000;

export interface HttpListener {
	readonly transport: Transport;
	readonly options: ReceiverOptions;
	readonly limits: ReceiverLimits;
	readonly ledger: RequestLedger;
	/** Answers one request. It may refuse before the body has come: see `drainLate`. */
	readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
}

/** Starts listening. Throws `Failure('conflict')` when the address is taken. */
export async function listenHttp({ transport, options, limits, ledger, handle }: HttpListener): Promise<Receiver> {
	const server = createServer({
		headersTimeout: limits.headersTimeoutMs,
		// Behind the timer of `readBody`, which can answer in the sender's encoding.
		requestTimeout: limits.headersTimeoutMs + limits.bodyTimeoutMs + LINGER_MS,
		keepAliveTimeout: limits.idleTimeoutMs,
		connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
		keepAlive: true,
		noDelay: true,
	});
	server.maxConnections = limits.connectionsMax;
	server.on('drop', () => ledger.dropped());
	server.on('request', handle);
	// Answering before "100 Continue" spares the sender a body that would be refused.
	server.on('checkContinue', handle);
	server.on('clientError', (error, socket) => refuseBrokenHttp(error, socket, options.log));
	server.listen(options.port, options.host);
	try {
		await once(server, 'listening');
	} catch (cause) {
		throw cannotListen(transport, options.host, options.port, cause);
	}
	const { port } = server.address() as AddressInfo;
	let stopped: Promise<void> | undefined;
	return {
		port,
		stop: () => {
			stopped ??= stopServer(server, limits.stopTimeoutMs);
			return stopped;
		},
	};
}

/**
 * After an answer that did not wait for the body: what still arrives is thrown away for a while, as cutting it off at once could destroy
 * the answer on its way.
 */
export function drainLate(request: IncomingMessage): void {
	if (request.complete) return;
	request.resume();
	const cut = setTimeout(() => request.socket.destroy(), LINGER_MS);
	const done = (): void => clearTimeout(cut);
	request.once('end', done).once('close', done);
}

async function stopServer(server: Server, timeoutMs: number): Promise<void> {
	const closed = once(server, 'close');
	server.close();
	// Connections that fall idle after the call above are not closed by it.
	const sweep = setInterval(() => server.closeIdleConnections(), 20);
	const force = setTimeout(() => server.closeAllConnections(), timeoutMs);
	await closed;
	clearInterval(sweep);
	clearTimeout(force);
}
