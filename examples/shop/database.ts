/**
 * A PostgreSQL for one service of the shop, without installing one: PGlite (PostgreSQL compiled to WebAssembly) in memory behind
 * a socket that speaks the PostgreSQL protocol. One connection at a time, so each service has its own.
 *
 * Usage: node examples/shop/database.ts [port]     prints `database ready <url>`
 */

import { createServer } from 'node:net';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

const port = Number(process.argv[2] ?? 0) || (await freePort());
const database = await PGlite.create();
const server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port });
await server.start();
console.log(`database ready postgres://postgres:postgres@127.0.0.1:${port}/postgres?sslmode=disable`);

process.once('SIGTERM', () => {
	void server
		.stop()
		.then(() => database.close())
		.finally(() => process.exit(0));
});

function freePort(): Promise<number> {
	return new Promise((settle, fail) => {
		const probe = createServer();
		probe.once('error', fail);
		probe.listen(0, '127.0.0.1', () => {
			const address = probe.address();
			probe.close(() => settle(typeof address === 'object' && address !== null ? address.port : 0));
		});
	});
}
