/** The real thing: real processes on real files, killed with SIGKILL in the middle of their work. */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemTimer } from '../../src/base/timer.ts';
import { SegmentBuffer } from '../../src/buffer/buffer.ts';
import { realFiles } from '../../src/buffer/files.ts';

test('whatever a process acknowledged before it was killed is loaded by the next one', async () => {
	const directory = await mkdtemp(join(tmpdir(), 'throughline-kill-'));
	const acknowledged = new Set<number>();
	let highest = -1;
	for (let round = 0; round < 4; round++) {
		const child = spawn(process.execPath, [join(import.meta.dirname, 'appender.ts'), directory, String(highest + 1_000)], {
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		let text = '';
		child.stdout.on('data', (chunk: Buffer) => {
			text += chunk.toString();
		});
		await once(child.stdout, 'data');
		await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 200));
		child.kill('SIGKILL');
		await once(child, 'close');
		// The last line may be half a number.
		for (const line of text.split('\n').slice(0, -1)) acknowledged.add(Number(line));
		highest = Math.max(highest, ...acknowledged);
	}
	const loaded = new Map<number, number>();
	const buffer = await SegmentBuffer.open({
		directory,
		loader: {
			async load({ records }) {
				await Promise.resolve();
				for (const { payload } of records) {
					const [digits, filler] = Buffer.from(payload).toString().split(':');
					const number = Number(digits);
					expect(filler).toBe('x'.repeat(number % 3_000));
					loaded.set(number, (loaded.get(number) ?? 0) + 1);
				}
			},
			check: () => Promise.resolve(),
		},
		files: realFiles,
		clock: systemClock,
		timer: systemTimer,
		random: randomBytes,
		log: silentLog,
	});
	await vi.waitFor(() => expect(buffer.stats().segments).toBe(0), 20_000);
	expect(buffer.stats()).toMatchObject({ quarantinedRanges: 0, lostRecords: 0, deadLetterFiles: 0 });
	await buffer.close();
	expect(acknowledged.size).toBeGreaterThan(100);
	expect([...acknowledged].filter((number) => !loaded.has(number))).toEqual([]);
	expect([...loaded.values()].every((times) => times === 1)).toBe(true);
	await rm(directory, { recursive: true });
});
