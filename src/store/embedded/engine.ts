/**
 * The embedded engine's process: chDB (ClickHouse as a library) behind a loopback HTTP socket.
 *
 * It is a process of its own because the library can take its process down (memory, a closing race, a crash), and because it holds
 * hundreds of megabytes. Started by supervisor.ts; ends when told to, or at once when the supervisor's process is gone.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { forgetBrokenParts } from './broken-parts.ts';
import { watchDisk } from './disk-watch.ts';
import { createFacade } from './facade.ts';
import { type EngineSettings, type FromEngine, type ToEngine, WRITE_SESSIONS } from './messages.ts';
import { SessionPool } from './session-pool.ts';

const MiB = 1024 * 1024;

/**
 * What the process holds besides the memory the library counts: its code (190 MiB of pages, most of them shared with the file), Node
 * (80 MiB), answers on their way out, and pages the allocators have not given back yet.
 */
const UNCOUNTED_BYTES = 448 * MiB;
/** Below this the library cannot run the schema's own statements. */
const ENGINE_BYTES_MIN = 192 * MiB;
const WAITING_MAX = 128;
const QUERY_BYTES_MAX = 8 * MiB;
/** An answer is held whole, twice for a moment: in the library and in Node. */
const RESULT_BYTES_MAX = 64 * MiB;
const INSERT_BYTES_MAX = 512 * MiB;
const DATABASE_DIR = 'db';
const INCOMING_DIR = 'incoming';
/** How long statements may take to end when the supervisor has died and nobody waits for their answers. */
const ORPHAN_STOP_MS = 1_000;

interface Running {
	readonly pool: SessionPool;
	readonly server: Server;
	readonly drain: () => Promise<void>;
}

let running: Promise<Running> | undefined;

process.on('message', (message: ToEngine) => {
	if (message.type === 'start') running ??= start(message.settings);
	else void stop(message.withinMs);
});
process.on('disconnect', () => void stop(ORPHAN_STOP_MS));
// The terminal sends these to the whole process group; the supervisor decides when the engine stops.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

async function start(settings: EngineSettings): Promise<Running> {
	const chdb = await import('chdb').catch((error: unknown) => fail(true, error));
	try {
		process.chdir(settings.dir);
		await mkdir(INCOMING_DIR, { recursive: true });
		// Bodies an earlier process was loading when it died; their senders send them again.
		for (const name of await readdir(INCOMING_DIR)) await rm(`${INCOMING_DIR}/${name}`, { force: true });
		await watchDisk('.', startAnew);
		const repaired = forgetBrokenParts(DATABASE_DIR);
		const pool = new SessionPool(() => new chdb.Session(DATABASE_DIR, { connectionArgs: serverArguments(settings.memoryBytesMax) }), {
			sessions: { read: settings.sessions, write: WRITE_SESSIONS },
			waitingMax: WAITING_MAX,
			defaults: { read: readDefaults(settings.memoryBytesMax), write: writeDefaults(settings.memoryBytesMax) },
		});
		const server = createFacade(pool, {
			password: settings.password,
			incomingDir: INCOMING_DIR,
			queryBytesMax: QUERY_BYTES_MAX,
			insertBytesMax: INSERT_BYTES_MAX,
			onDiskError: (message) => startAnew(`the disk failed a load: ${message}`),
		});
		const port = await listen(server, settings.port);
		say({ type: 'ready', port, repaired });
		return { pool, server, drain: chdb.drainPending };
	} catch (error) {
		return fail(false, error);
	}
}

/** Server configuration, in the form of the `clickhouse local` command line. Defaults are made for servers of 64 GiB and more. */
function serverArguments(memoryBytesMax: number): string[] {
	const engineBytes = engineMemory(memoryBytesMax);
	const configuration: Readonly<Record<string, number>> = {
		max_server_memory_usage: engineBytes,
		merges_mutations_memory_usage_soft_limit: Math.round(engineBytes * 0.4),
		mark_cache_size: 48 * MiB,
		index_mark_cache_size: 16 * MiB,
		primary_index_cache_size: 32 * MiB,
		query_condition_cache_size: 16 * MiB,
		compiled_expression_cache_size: 16 * MiB,
		text_index_header_cache_size: 16 * MiB,
		text_index_postings_cache_size: 32 * MiB,
		text_index_tokens_cache_size: 16 * MiB,
		vector_similarity_index_cache_size: 0,
		iceberg_metadata_files_cache_size: 0,
		parquet_metadata_cache_size: 0,
		max_thread_pool_size: 400,
	};
	return Object.entries(configuration).map(([name, value]) => `--${name}=${value}`);
}

/**
 * What a read gets unless it says otherwise. A read that needs more than half of the memory is refused or spills to disk, so that
 * loads find room; a load may use all of it, because what it holds has been promised to its sender.
 */
function readDefaults(memoryBytesMax: number): ReadonlyMap<string, string> {
	const engineBytes = engineMemory(memoryBytesMax);
	return asText({
		session_timezone: 'UTC',
		max_execution_time: 60,
		max_memory_usage: Math.round(engineBytes * 0.5),
		max_bytes_before_external_group_by: Math.round(engineBytes * 0.25),
		max_bytes_before_external_sort: Math.round(engineBytes * 0.25),
		max_result_bytes: RESULT_BYTES_MAX,
	});
}

function writeDefaults(memoryBytesMax: number): ReadonlyMap<string, string> {
	return asText({ session_timezone: 'UTC', max_execution_time: 300, max_memory_usage: engineMemory(memoryBytesMax) });
}

function asText(values: Readonly<Record<string, string | number>>): ReadonlyMap<string, string> {
	return new Map(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** What the library may count as its own. */
function engineMemory(memoryBytesMax: number): number {
	return Math.max(memoryBytesMax - UNCOUNTED_BYTES, ENGINE_BYTES_MIN);
}

function listen(server: Server, port: number): Promise<number> {
	return new Promise((resolve, reject) => {
		server.once('error', (error: NodeJS.ErrnoException) => {
			// The port of the process before this one may have been taken meanwhile.
			if (error.code === 'EADDRINUSE' && port !== 0) listen(server, 0).then(resolve, reject);
			else reject(error);
		});
		server.listen(port, '127.0.0.1', () => {
			const address = server.address();
			resolve(typeof address === 'object' && address !== null ? address.port : 0);
		});
	});
}

async function stop(withinMs: number): Promise<never> {
	const hard = setTimeout(leave, withinMs + 500);
	const engine = await running?.catch(() => undefined);
	if (engine !== undefined) {
		engine.server.close();
		engine.server.closeIdleConnections();
		await engine.pool.stop(withinMs);
		engine.server.closeAllConnections();
		// Closing sessions while the library still works in the background crashes it.
		await engine.drain();
		engine.pool.close();
		await engine.drain();
	}
	clearTimeout(hard);
	return leave();
}

/** Ends the process in the middle of everything, and says why; the supervisor starts the next one, which looks at every part. */
function startAnew(why: string): void {
	process.stderr.write(`starting anew: ${why}\n`, leave);
}

/** The library's exit handlers wait for running queries without bound, and its data needs no goodbye: every part is complete on disk. */
function leave(): never {
	process.kill(process.pid, 'SIGKILL');
	throw new Error('unreachable');
}

function fail(missing: boolean, error: unknown): never {
	const message = error instanceof Error ? error.message : String(error);
	say({ type: 'failed', missing, message }, leave);
	throw error;
}

function say(message: FromEngine, then: () => void = () => {}): void {
	process.send?.(message, then);
}
