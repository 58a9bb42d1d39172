import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { type Log, silentLog } from '../base/log.ts';
import { systemTimer } from '../base/timer.ts';
import { loadConfig } from './config.ts';
import { type Steering, startSteering } from './control.ts';
import { collectMetrics } from './metrics.ts';

let dir = '';
let file = '';
let steering: Steering | undefined;
const told: string[] = [];
const log: Log = { ...silentLog, error: (fields: object) => void told.push(JSON.stringify(fields)) };

beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), 'throughline-control-'));
	file = join(dir, 'throughline.yaml');
	told.length = 0;
});
afterEach(() => {
	steering?.stop();
	rmSync(dir, { recursive: true });
});

const write = (control: string) => {
	writeFileSync(`${file}.next`, `data: {dir: ${dir}}\ncontrol:\n  reloadEveryMs: 50\n${control}`);
	renameSync(`${file}.next`, file);
};
const read = () => loadConfig({ file, env: {}, flags: {} });
const start = (nowMs = 1_000_000) => {
	steering?.stop();
	steering = startSteering({
		config: read(),
		source: { file, read },
		clock: { ...systemClock, nowMs: () => nowMs },
		timer: systemTimer,
		metrics: collectMetrics(),
		log,
	});
	return steering.board;
};
const documentOf = (service: string) => JSON.parse(steering?.board.notice(service, '').body ?? '') as object;

async function until(holds: () => boolean): Promise<void> {
	for (let attempt = 0; attempt < 500 && !holds(); attempt++) await new Promise((settle) => setTimeout(settle, 10));
	expect(holds()).toBe(true);
}

describe('the control section', () => {
	test('is followed while it changes, and a mistake in it changes nothing', async () => {
		write('  defaults: {sampling: {default: 0.5}}\n');
		const board = start();
		expect(documentOf('orders')).toEqual({ v: 1, revision: 1_000, sampling: { default: 0.5 } });
		write('  services: {orders: {enabled: false}}\n');
		await until(() => board.revision === 1_001);
		expect(documentOf('orders')).toEqual({ v: 1, revision: 1_001, enabled: false });
		write('  services: {orders: {enabled: perhaps, sampling: {default: 2}}}\n');
		await until(() => told.length === 1);
		expect(told[0]).toMatch(/control\.services\.orders\.enabled.*control\.services\.orders\.sampling\.default/s);
		expect([board.revision, documentOf('orders')]).toEqual([1_001, { v: 1, revision: 1_001, enabled: false }]);
	});

	test('keeps its revision over a restart, and over an edit of something else', async () => {
		write('  defaults: {enabled: true}\n');
		expect(start().revision).toBe(1_000);
		expect(start(5_000_000).revision).toBe(1_000);
		write('  defaults: {enabled: true}\nlog: {level: debug}\n');
		expect(start(6_000_000).revision).toBe(1_000);
		write('  defaults: {enabled: false}\n');
		expect(start(500_000).revision).toBe(1_001);
		rmSync(join(dir, 'control-revision.json'));
		expect(start(7_000_000).revision).toBe(7_000);
	});

	test('lists every problem at once, and has no flags for documents', () => {
		write('  defaults: {sampling: {default: 2, rate: 1}, logs: {level: loud}}\n  signingKey: secret\n  wating: 1\n');
		expect(read).toThrow(/5 problems/);
		for (const problem of [
			/control\.defaults\.sampling\.default/,
			/control\.defaults\.sampling\.rate: unknown/,
			/control\.defaults\.logs\.level/,
			/control\.signingKey: write the base64/,
			/control\.wating: unknown/,
		])
			expect(read).toThrow(problem);
		expect(() => loadConfig({ env: { THROUGHLINE_CONTROL_DEFAULTS: '{}' }, flags: {} })).toThrow(/no setting/);
		expect(() => loadConfig({ env: { THROUGHLINE_CONTROL_ENDPOINT: 'http://x', THROUGHLINE_DISABLED: '1' }, flags: {} })).not.toThrow();
	});
});
