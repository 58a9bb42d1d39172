/**
 * Starts the shop: six services in Go and Rust, their databases and their message bus, and traffic. Every address is free to
 * move, so two shops can run side by side. `startShop` is what the demo and the end-to-end tests call.
 */

import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { type Running, run } from '../../tools/run/process.ts';

const root = resolve(import.meta.dirname, '../..');
const goBinary = (name: string) => join(root, 'examples/shop/bin', name);
const rustBinary = (build: string, name: string) => join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), build, name);

export interface ShopOptions {
	readonly otlpHttpUrl: string;
	/** One log file a process. */
	readonly logDir: string;
	readonly progress?: (line: string) => void;
	/** What else the services are told, such as OTEL_TRACES_SAMPLER. */
	readonly env?: Readonly<Record<string, string>>;
	/** Which build of the Rust services: `debug` unless said otherwise. */
	readonly rustBuild?: 'debug' | 'release';
	/** One database for orders and inventory; SHOP_DATABASE_URL, or a PGlite each, when there is none. */
	readonly databaseUrl?: string;
}

export interface Shop {
	readonly gatewayUrl: string;
	readonly processes: readonly Running[];
	/** Traffic against the gateway until it is stopped or `durationS` has passed. */
	load(profile: 'steady' | 'burst' | 'chaos', ratePerSecond: number, durationS?: number): Promise<Running>;
	/** Ends traffic, services, bus and databases, the last started first. */
	stop(): Promise<void>;
}

export async function startShop(options: ShopOptions): Promise<Shop> {
	const started: Running[] = [];
	const stop = async (): Promise<void> => {
		for (const running of started.splice(0).toReversed()) await running.stop();
	};
	const start = async (
		name: string,
		command: string,
		ready: RegExp,
		env: Record<string, string> = {},
		args: string[] = [],
	): Promise<Running> => {
		options.progress?.(`starting ${name}`);
		const running = await run({ name, command, args, env, ready, logFile: join(options.logDir, `${name}.log`), stopTimeoutMs: 8000 });
		started.push(running);
		return running;
	};
	try {
		const address = await freeAddresses('gateway', 'orders', 'inventory', 'pricing', 'mail', 'nats');
		const [orders, inventory] = await databases(start, options.databaseUrl ?? process.env.SHOP_DATABASE_URL);
		const natsUrl = process.env.SHOP_NATS_URL ?? `nats://${address.nats}`;
		if (process.env.SHOP_NATS_URL === undefined) await start('nats', goBinary('nats'), /listening|ready/i, { NATS_ADDR: address.nats });
		const env = {
			...options.env,
			SHOP_NATS_URL: natsUrl,
			OTEL_EXPORTER_OTLP_ENDPOINT: options.otlpHttpUrl,
			GATEWAY_ADDR: address.gateway,
			ORDERS_ADDR: address.orders,
			ORDERS_URL: `http://${address.orders}`,
			INVENTORY_ADDR: address.inventory,
			PRICING_ADDR: address.pricing,
			NOTIFIER_MAIL_ADDR: address.mail,
			ORDERS_DATABASE_URL: orders,
			INVENTORY_DATABASE_URL: inventory,
		};
		const ready = /"msg":"(listening|consuming)"/;
		const build = options.rustBuild ?? 'debug';
		await start('inventory', goBinary('inventory'), ready, env);
		await start('pricing', rustBinary(build, 'pricing'), ready, env);
		await start('orders', rustBinary(build, 'orders'), ready, env);
		await start('worker', rustBinary(build, 'worker'), ready, env);
		await start('notifier', goBinary('notifier'), ready, env);
		await start('gateway', goBinary('gateway'), ready, env);
		const gatewayUrl = `http://${address.gateway}`;
		return {
			gatewayUrl,
			processes: started,
			stop,
			load: (profile, rate, durationS = 0) =>
				start(`load-${profile}`, goBinary('loadgen'), /./, {}, [
					'-target',
					gatewayUrl,
					'-profile',
					profile,
					'-rate',
					String(rate),
					'-duration',
					`${durationS}s`,
				]),
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

type Start = (name: string, command: string, ready: RegExp, env?: Record<string, string>, args?: string[]) => Promise<Running>;

/** URLs of the databases of orders and inventory: the one given for both, or a PGlite each. */
async function databases(start: Start, given: string | undefined): Promise<[string, string]> {
	if (given !== undefined) return [given, given];
	const one = async (name: string): Promise<string> => {
		const running = await start(name, process.execPath, /database ready (\S+)/, {}, [join(root, 'examples/shop/database.ts')]);
		return running.ready[1] ?? '';
	};
	return [await one('orders-db'), await one('inventory-db')];
}

/** Free loopback addresses, all held open until each is known, so that no two are the same. */
async function freeAddresses<Name extends string>(...names: Name[]): Promise<Record<Name, string>> {
	const probes = await Promise.all(
		names.map(
			(name) =>
				new Promise<{ name: Name; port: number; close: () => void }>((settle, fail) => {
					const server = createServer().once('error', fail);
					server.listen(0, '127.0.0.1', () => {
						const address = server.address();
						settle({ name, port: typeof address === 'object' && address !== null ? address.port : 0, close: () => server.close() });
					});
				}),
		),
	);
	for (const probe of probes) probe.close();
	return Object.fromEntries(probes.map(({ name, port }) => [name, `127.0.0.1:${port}`])) as Record<Name, string>;
}
