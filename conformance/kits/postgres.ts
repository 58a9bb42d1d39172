/** A real PostgreSQL in a temporary folder, for the SQL scenarios. It refuses to run as root, so root runs it as the system's user postgres. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, createWriteStream, existsSync, globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 60_000;

export interface Postgres {
	readonly url: string;
	stop(): Promise<void>;
}

/** The folder of its programs; undefined when it is not installed. */
export function postgresPrograms(): string | undefined {
	const found = (process.env['PATH'] ?? '').split(':').find((folder) => existsSync(join(folder, 'initdb')));
	return found ?? globSync('/usr/lib/postgresql/*/bin/initdb').map(dirname).sort().at(-1);
}

export async function startPostgres(logFile: string): Promise<Postgres> {
	const programs = postgresPrograms();
	if (programs === undefined) throw new Error('PostgreSQL is not installed (tools/setup/system.sh installs it)');
	const folder = await mkdtemp(join(tmpdir(), 'throughline-pg-'));
	const user = unprivileged(folder);
	const data = join(folder, 'data');
	const { status, stderr } = spawnSync(
		join(programs, 'initdb'),
		['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--no-locale'],
		{ cwd: folder, encoding: 'utf8', ...user },
	);
	if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
	const port = await freePort();
	const server = spawn(join(programs, 'postgres'), ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, '-F'], {
		cwd: folder,
		stdio: ['ignore', 'pipe', 'pipe'],
		...user,
	});
	const log = createWriteStream(logFile, { flags: 'a' });
	server.stdout.pipe(log, { end: false });
	server.stderr.pipe(log, { end: false });
	const ended = once(server, 'exit');
	const stop = async (): Promise<void> => {
		if (server.exitCode === null && server.signalCode === null) server.kill('SIGINT');
		await ended;
		await rm(folder, { recursive: true, force: true });
	};
	const giveUpMs = Date.now() + START_TIMEOUT_MS;
	while (!(await answers(port))) {
		if (server.exitCode !== null || Date.now() > giveUpMs) {
			await stop();
			throw new Error(`PostgreSQL did not start; see ${logFile}`);
		}
		await sleep(50);
	}
	return { url: `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`, stop };
}

function unprivileged(folder: string): { uid: number; gid: number } | undefined {
	if (process.getuid?.() !== 0) return undefined;
	const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
	const user = { uid: id('-u'), gid: id('-g') };
	chownSync(folder, user.uid, user.gid);
	return user;
}

/** It answers an SSLRequest (80877103) with one letter once it takes connections. */
function answers(port: number): Promise<boolean> {
	return new Promise((settle) => {
		const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])));
		const done = (yes: boolean): void => {
			socket.destroy();
			settle(yes);
		};
		socket.once('data', () => done(true));
		socket.once('error', () => done(false));
		socket.once('close', () => done(false));
	});
}

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
	const { port } = server.address() as AddressInfo;
	await new Promise((settle) => server.close(settle));
	return port;
}
