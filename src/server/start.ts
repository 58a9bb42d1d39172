/** The composition root: starts the platform's parts in the order data needs them, and stops them in reverse. */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tracer } from '@opentelemetry/api';
import { buildApi, closeApi } from '../api/app.ts';
import type { HealthReport } from '../api/context.ts';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import type { SegmentBuffer } from '../buffer/buffer.ts';
import type { ControlBoard } from '../control/board.ts';
import { ByteBudget } from '../receive/byte-budget.ts';
import { startGrpcReceiver } from '../receive/grpc.ts';
import { startHttpReceiver } from '../receive/http.ts';
import { startZipkinReceiver } from '../receive/zipkin.ts';
import { Store, type StoreTarget } from '../store/client.ts';
import { lockDirectory } from '../store/embedded/directory-lock.ts';
import { EmbeddedEngine, type EngineEvent } from '../store/embedded/supervisor.ts';
import { migrate } from '../store/schema/migrate.ts';
import { pipelineAccount } from './account.ts';
import type { Config } from './config.ts';
import { type ConfigSource, startSteering } from './control.ts';
import { BlockIngest } from './ingest.ts';
import { keepTiers, openArrivals } from './keep-tiers.ts';
import { createLog } from './log.ts';
import { type CollectedMetrics, collectMetrics } from './metrics.ts';
import { openBuffer } from './open-buffer.ts';
import { Running } from './running.ts';
import { startTracing, traceQueries, traceRequests } from './tracing.ts';

export interface Server {
	readonly apiUrl: string;
	readonly otlpGrpcUrl: string;
	readonly otlpHttpUrl: string;
	/** Takes no more, makes durable what was taken, hands it to the engine, closes. */
	stop(reason: string): Promise<void>;
}

const VERSION = (JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }).version;
/** How long a stop lets requests to the API finish: an export may be read for ever. */
const API_STOP_MS = 3_000;
/** A browser opens six; one without an answer costs 10 kB. */
const API_CONNECTIONS_MAX = 4_096;
const STARTED_MS = systemClock.nowMs();
const UI_DIR = join(import.meta.dirname, '../../dist/ui');

/** Starts everything. Throws `Failure` (a port or the data directory taken, an engine that does not come up); then nothing is left running. */
export async function start(config: Config, source?: ConfigSource): Promise<Server> {
	const log = createLog(config.log);
	const running = new Running(log);
	try {
		return await startParts(config, source, log, running);
	} catch (error) {
		await running.stop();
		throw error;
	}
}

async function startParts(
	config: Config,
	source: ConfigSource | undefined,
	log: ReturnType<typeof createLog>,
	running: Running,
): Promise<Server> {
	const metrics = collectMetrics();
	const lock = lockDirectory(config.data.dir);
	running.add('data directory lock', () => lock.release());
	const steering = startSteering({ config, source, clock: systemClock, timer: systemTimer, metrics, log });
	running.add('remote control', () => steering.stop());

	const engine = await startEngine(config, log, running);
	const store = openStore(config, engine, running);
	await prepareDatabase(config, store, log);

	const arrivals = await openArrivals(store);
	const buffer = await openBuffer(config, store, arrivals, metrics, log);
	running.add('buffer', () => buffer.close());
	const tiers = keepTiers({ config, store, buffer, arrivals, metrics, log });
	running.add('tiers job', () => tiers.stop());
	const ingest = new BlockIngest({
		append: (records) => buffer.append(records),
		waitingBytesMax: config.otlp.inFlightBytesMax,
		clock: systemClock,
		timer: systemTimer,
		metrics,
	});
	running.add('ingest', () => ingest.close());

	const { grpc, http } = config.otlp;
	const limits = { requestBytesMax: config.otlp.requestBytesMax };
	const inFlight = new ByteBudget(config.otlp.inFlightBytesMax);
	const receiving = { ingest, inFlight, limits, metrics, clock: systemClock, log };
	const grpcReceiver = await startGrpcReceiver({ ...receiving, ...grpc });
	running.add('OTLP/gRPC receiver', () => grpcReceiver.stop());
	const httpReceiver = await startHttpReceiver({ ...receiving, ...http });
	running.add('OTLP/HTTP receiver', () => httpReceiver.stop());
	if (config.zipkin.enabled) {
		const zipkinReceiver = await startZipkinReceiver({ ...receiving, ...config.zipkin });
		running.add('Zipkin receiver', () => zipkinReceiver.stop());
	}
	const otlpGrpcUrl = url(grpc.host, grpcReceiver.port);
	const otlpHttpUrl = url(http.host, httpReceiver.port);

	const tracer = startOwnTraces(config, url(reachable(http.host), httpReceiver.port), running);
	const apiUrl = await startApi({
		config,
		store,
		engine,
		buffer,
		metrics,
		tracer,
		log,
		running,
		control: steering.board,
		endpoints: { otlpGrpc: otlpGrpcUrl, otlpHttp: otlpHttpUrl },
	});
	log.info({ apiUrl, otlpGrpcUrl, otlpHttpUrl, dataDir: config.data.dir, version: VERSION }, 'ready');
	return {
		apiUrl,
		otlpGrpcUrl,
		otlpHttpUrl,
		async stop(reason) {
			log.info({ reason }, 'stopping: draining what was received');
			await running.stop();
			log.info({}, 'stopped');
		},
	};
}

/** The embedded engine, unless the configuration names a ClickHouse server. */
async function startEngine(config: Config, log: Log, running: Running): Promise<EmbeddedEngine | undefined> {
	if (config.storage.clickhouse.url !== undefined) return undefined;
	const engine = await EmbeddedEngine.start({
		dir: join(config.data.dir, 'engine'),
		...config.storage.embedded,
		onEvent: (event) => logEngineEvent(log, event),
	});
	running.add('embedded engine', () => engine[Symbol.asyncDispose]());
	return engine;
}

function logEngineEvent(log: Log, event: EngineEvent): void {
	if (event.type === 'died') log.error(event, 'the engine died and is being restarted; what was acknowledged waits in the buffer');
	else if (event.type === 'ready' && event.repaired.length > 0)
		log.warn(event, 'engine ready; parts were missing or broken, and what they held is loaded again from the buffer');
	else log.info(event, `engine ${event.type}`);
}

function openStore(config: Config, engine: EmbeddedEngine | undefined, running: Running): Store {
	const { url: serverUrl, username, password, database } = config.storage.clickhouse;
	const target: StoreTarget =
		engine === undefined ? { kind: 'clickhouse', url: serverUrl ?? '', username, password } : { kind: 'embedded', engine };
	const store = new Store({ target, database });
	running.add('store', () => store[Symbol.asyncDispose]());
	return store;
}

/** Brings the schema up to date; a server that is still starting is waited for as long as any statement waits. */
async function prepareDatabase(config: Config, store: Store, log: Log): Promise<void> {
	const { url: serverUrl, database } = config.storage.clickhouse;
	if (serverUrl !== undefined) log.info({ url: serverUrl, database }, 'waiting for the ClickHouse server');
	try {
		const { applied } = await migrate(store);
		if (applied.length > 0) log.info({ migrations: applied.map(({ id }) => id) }, 'migrated the schema');
	} catch (error) {
		if (serverUrl === undefined || !(error instanceof Failure) || error.code !== 'unavailable' || error.hint !== undefined) throw error;
		throw new Failure(error.code, error.message, {
			cause: error,
			hint: `is the ClickHouse server of storage.clickhouse.url (${serverUrl}) running? without that setting the embedded engine is used`,
		});
	}
}

function startOwnTraces(config: Config, otlpHttpUrl: string, running: Running): Tracer | undefined {
	if (!config.telemetry.traces) return undefined;
	const tracing = startTracing({ otlpHttpUrl, version: VERSION, instanceId: randomBytes(8).toString('hex') });
	running.add('own traces', () => tracing.stop());
	return tracing.tracer;
}

interface ApiParts {
	readonly config: Config;
	readonly store: Store;
	readonly engine: EmbeddedEngine | undefined;
	readonly buffer: SegmentBuffer;
	readonly metrics: CollectedMetrics;
	readonly tracer: Tracer | undefined;
	readonly log: ReturnType<typeof createLog>;
	readonly running: Running;
	readonly control: ControlBoard;
	readonly endpoints: { readonly otlpGrpc: string; readonly otlpHttp: string };
}

async function startApi({ config, store, engine, buffer, metrics, tracer, log, running, control, endpoints }: ApiParts): Promise<string> {
	const { host, port, allowedHosts, queryTimeoutMs } = config.api;
	const app = await buildApi({
		engine: tracer === undefined ? store : traceQueries(store, tracer),
		status: () => {
			const { segments, bytes, oldestAgeMs } = buffer.stats();
			return { version: VERSION, endpoints, engine: store.kind, buffer: { segments, bytes, oldestSeconds: oldestAgeMs / 1000 } };
		},
		pipeline: () => pipelineAccount(metrics, buffer.stats(), config.buffer.bytesMax, STARTED_MS),
		health: () => healthOf(store, engine),
		metricsText: () => metrics.text(),
		uiDir: UI_DIR,
		control,
		bindHost: host,
		allowedHosts,
		queryTimeoutMs,
		clock: systemClock,
		log,
		instrument: tracer === undefined ? undefined : (app) => traceRequests(app, tracer),
	});
	app.server.maxConnections = API_CONNECTIONS_MAX;
	running.add('API', () => closeApi(app, API_STOP_MS));
	try {
		await app.listen({ host, port });
	} catch (cause) {
		throw new Failure('conflict', `cannot listen on ${host}:${port}: ${(cause as Error).message}`, {
			cause,
			hint: 'stop what listens there, or set api.port (THROUGHLINE_API_PORT)',
		});
	}
	const address = app.server.address();
	return url(host, typeof address === 'object' && address !== null ? address.port : port);
}

function url(host: string, port: number): string {
	return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** How long a probe waits for the database: it queues behind the questions being answered, and a busy one is not a dead one. */
const PROBE_MS = 5_000;

async function healthOf(store: Store, engine: EmbeddedEngine | undefined): Promise<HealthReport> {
	if (engine !== undefined && engine.state !== 'ready') return { ready: false, reasons: [`the engine is ${engine.state}`] };
	try {
		await store.ping({ timeoutMs: PROBE_MS, abortSignal: AbortSignal.timeout(PROBE_MS) });
		return { ready: true, reasons: [] };
	} catch {
		return { ready: false, reasons: ['the database does not answer'] };
	}
}

/** An address we can be reached at ourselves: listening on all of them includes this machine's own. */
function reachable(host: string): string {
	return host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}
