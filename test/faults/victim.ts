/** The platform the faults are done to: the real command, its engine, its files, and everything they have been. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Platform, type PlatformOptions, startPlatform } from '../../tools/run/platform.ts';
import { children, isAlive, type ProcessId, processId, residentBytes } from './processes.ts';

export class Victim {
	readonly #options: PlatformOptions;
	#platform: Platform;
	/** Every process that was ever part of it. */
	readonly #seen = new Map<string, ProcessId>();
	residentBytesMax = 0;

	private constructor(options: PlatformOptions, platform: Platform) {
		this.#options = options;
		this.#platform = platform;
	}

	static async start(options: PlatformOptions): Promise<Victim> {
		const platform = await startPlatform(options);
		const port = (url: string) => Number(new URL(url).port);
		const ports = { apiPort: port(platform.apiUrl), otlpGrpcPort: port(platform.otlpGrpcUrl), otlpHttpPort: port(platform.otlpHttpUrl) };
		return new Victim({ ...options, ...ports }, platform);
	}

	get platform(): Platform {
		return this.#platform;
	}

	get dataDir(): string {
		return this.#options.dataDir;
	}

	get logFile(): string {
		return this.#options.logFile ?? `${this.dataDir}.log`;
	}

	get bufferDir(): string {
		return join(this.dataDir, 'buffer');
	}

	/** The engine's process, if there is one at the moment. */
	engine(): ProcessId | undefined {
		return children(this.#platform.pid, 'engine')[0];
	}

	/** Takes note of processes and their memory. Called often. */
	observe(): void {
		const platform = processId(this.#platform.pid);
		const parts = [...(platform === undefined ? [] : [platform]), ...children(this.#platform.pid, '')];
		let bytes = 0;
		for (const part of parts) {
			this.#seen.set(`${part.pid} ${part.started}`, part);
			bytes += residentBytes(part.pid);
		}
		this.residentBytesMax = Math.max(this.residentBytesMax, bytes);
	}

	/** Processes that live on though the platform they belonged to does not. */
	leftBehind(): ProcessId[] {
		const current = new Set([this.#platform.pid, ...children(this.#platform.pid, '').map(({ pid }) => pid)]);
		return [...this.#seen.values()].filter((part) => isAlive(part) && !current.has(part.pid));
	}

	signal(process: ProcessId | undefined, signal: NodeJS.Signals): boolean {
		if (process === undefined || !isAlive(process)) return false;
		this.#seen.set(`${process.pid} ${process.started}`, process);
		return globalThis.process.kill(process.pid, signal);
	}

	async killPlatform(): Promise<void> {
		this.observe();
		this.#platform.kill('SIGKILL');
		await this.#platform.ended;
	}

	/** After its death. */
	async startAgain(): Promise<void> {
		this.#platform = await startPlatform(this.#options);
	}

	/** Segment files that are complete and not loaded yet, oldest first. */
	sealedSegments(): string[] {
		return readdirSync(this.bufferDir)
			.filter((name) => name.endsWith('.sealed'))
			.sort()
			.map((name) => join(this.bufferDir, name));
	}
}
