import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EmbeddedEngine, type EngineEvent } from './supervisor.ts';

const SUPERVISOR_MODULE = new URL('./supervisor.ts', import.meta.url).href;

describe('the supervisor of the embedded engine', () => {
	let dir: string;
	beforeEach(async () => {
		dir = await mkdtemp(join(tmpdir(), 'throughline-engine-'));
	});
	afterEach(async () => {
		await rm(dir, { recursive: true, force: true });
	});

	const isAlive = (pid: number) => {
		try {
			process.kill(pid, 0);
			return true;
		} catch {
			return false;
		}
	};
	const untilDead = async (pid: number) => {
		for (const end = performance.now() + 5_000; isAlive(pid) && performance.now() < end; ) await sleep(20);
		expect(isAlive(pid)).toBe(false);
	};

	test('an engine that is killed comes back, again and again, and is counted', async () => {
		const events: EngineEvent[] = [];
		await using engine = await EmbeddedEngine.start({ dir, onEvent: (event) => void events.push(event) });
		expect(engine.state).toBe('ready');
		for (let kills = 1; kills <= 3; kills++) {
			const before = await engine.endpoint(10_000);
			const killed = engine.pid as number;
			process.kill(killed, 'SIGKILL');
			await untilDead(killed);
			while (engine.state === 'ready' && engine.pid === killed) await sleep(5);
			const after = await engine.endpoint(10_000);
			expect(after.generation).toBe(before.generation + 1);
			expect(engine.restarts).toBe(kills);
			expect((await fetch(`${after.url}/ping`)).status).toBe(200);
		}
		expect(events.filter((event) => event.type === 'died')).toMatchObject([
			{ reason: 'signal SIGKILL', restartInMs: 0 },
			{ reason: 'signal SIGKILL', restartInMs: 50 },
			{ reason: 'signal SIGKILL', restartInMs: 100 },
		]);
	});

	test('whoever waits for the endpoint of a stopped engine is told, and stopping twice is safe', async () => {
		const engine = await EmbeddedEngine.start({ dir });
		const pid = engine.pid as number;
		process.kill(pid, 'SIGKILL');
		while (engine.state === 'ready') await sleep(5);
		const waiting = expect(engine.endpoint(10_000)).rejects.toMatchObject({ code: 'unavailable', retryable: false });
		await Promise.all([engine[Symbol.asyncDispose](), engine[Symbol.asyncDispose]()]);
		await waiting;
		expect(engine.state).toBe('stopped');
		await expect(engine.endpoint(10_000)).rejects.toMatchObject({ code: 'unavailable' });
	});

	test('a second engine on the same folder is refused, and the first does not notice', async () => {
		await using engine = await EmbeddedEngine.start({ dir });
		await expect(EmbeddedEngine.start({ dir })).rejects.toMatchObject({ code: 'conflict', hint: expect.any(String) });
		expect((await fetch(`${(await engine.endpoint(1_000)).url}/ping`)).status).toBe(200);
	});

	test('stopping ends running statements within its bound and leaves neither process nor lock', async () => {
		const engine = await EmbeddedEngine.start({ dir });
		const endpoint = await engine.endpoint(1_000);
		const running = fetch(endpoint.url, {
			method: 'POST',
			headers: { 'x-clickhouse-key': endpoint.password },
			body: 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)',
		}).then(
			(answer) => answer.status,
			() => 0,
		);
		await sleep(300);
		const pid = engine.pid as number;
		const begun = performance.now();
		await engine[Symbol.asyncDispose]();
		expect(performance.now() - begun).toBeLessThan(7_000);
		expect(await running).not.toBe(200);
		expect([isAlive(pid), existsSync(join(dir, 'lock.json'))]).toEqual([false, false]);
	});

	test.each([['runs', 'SIGCONT'] as const, ['is stopped', 'SIGSTOP'] as const])(
		'the engine of a platform that was killed ends, also when it %s, and the next platform takes over',
		async (_how, signal) => {
			const platform = spawn(process.execPath, [
				'--input-type=module',
				'-e',
				`import { EmbeddedEngine } from ${JSON.stringify(SUPERVISOR_MODULE)}; const engine = await EmbeddedEngine.start({ dir: ${JSON.stringify(dir)} }); console.log(engine.pid)`,
			]);
			const [line] = (await once(platform.stdout, 'data')) as [Buffer];
			const enginePid = Number(line.toString());
			expect(isAlive(enginePid)).toBe(true);
			process.kill(enginePid, signal);
			platform.kill('SIGKILL');
			await once(platform, 'exit');
			await using next = await EmbeddedEngine.start({ dir });
			expect(next.state).toBe('ready');
			await untilDead(enginePid);
		},
	);

	test('an engine that cannot start says why', async () => {
		await writeFile(join(dir, 'db'), 'a file where the database should be');
		await expect(EmbeddedEngine.start({ dir, firstStartMs: 100 })).rejects.toMatchObject({
			code: 'unavailable',
			message: expect.stringContaining('cannot start'),
		});
		expect(existsSync(join(dir, 'lock.json'))).toBe(false);
	});
});
