/** What surrounds the answers: the UI's files, headers, compression, probes. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiApp } from '../../src/api/context.ts';
import { buildFake, fakeEngine } from './fake-engine.ts';

let dir = '';
let app: ApiApp;
beforeEach(async () => {
	dir = mkdtempSync(join(tmpdir(), 'throughline-ui-'));
	app = await buildFake({ uiDir: join(dir, 'ui'), engine: fakeEngine(() => [{ service: 'ü'.repeat(2_000) }]) });
});
afterEach(async () => {
	await app.close();
	rmSync(dir, { recursive: true });
});

function buildUi(): void {
	mkdirSync(join(dir, 'ui/assets'), { recursive: true });
	writeFileSync(join(dir, 'ui/index.html'), '<!doctype html><title>Throughline</title>');
	writeFileSync(join(dir, 'ui/assets/index-B3kf9a2c.js'), 'export {};');
	writeFileSync(join(dir, 'ui/favicon.svg'), '<svg/>');
	writeFileSync(join(dir, 'ui/theme-beginning.js'), 'export {};');
	writeFileSync(join(dir, 'secret.txt'), 'secret');
}

describe('the UI', () => {
	test('not built yet is said on a page, also to a link deep inside, and built later is served without a restart', async () => {
		for (const url of ['/', '/traces/abc']) {
			const answer = await app.inject(url);
			expect(answer.statusCode).toBe(503);
			expect(answer.body).toContain('The UI has not been built');
		}
		buildUi();
		expect((await app.inject('/')).body).toContain('<title>Throughline');
	});

	test('every place inside it is index.html, which is never kept', async () => {
		buildUi();
		for (const url of ['/', '/traces', '/services/my.service', '/traces/0af7651916cd43dd8448eb211c80319c?span=1', '/api-guide']) {
			const answer = await app.inject(url);
			expect([url, answer.statusCode, answer.headers['cache-control']]).toEqual([url, 200, 'no-cache']);
			expect(answer.headers['content-type']).toContain('text/html');
		}
	});

	test('hashed files are kept for ever, others are asked for again', async () => {
		buildUi();
		expect((await app.inject('/assets/index-B3kf9a2c.js')).headers['cache-control']).toBe('public, max-age=31536000, immutable');
		expect((await app.inject('/theme-beginning.js')).headers['cache-control']).toBe('no-cache');
		const icon = await app.inject('/favicon.svg');
		expect(icon.headers['cache-control']).toBe('no-cache');
		expect((await app.inject({ url: '/favicon.svg', headers: { 'if-none-match': String(icon.headers.etag) } })).statusCode).toBe(304);
	});

	test('a missing file is missing and nothing outside the folder is served', async () => {
		buildUi();
		for (const url of ['/assets/gone.js', '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/assets/..%2f..%2fsecret.txt', '/../secret.txt']) {
			const answer = await app.inject(url);
			expect(answer.statusCode, url).toBeGreaterThanOrEqual(400);
			expect(answer.body).not.toBe('secret');
		}
	});
});

describe('headers', () => {
	test('keep other sites out of pages, answers and errors', async () => {
		buildUi();
		for (const url of ['/', '/api/services', '/api/v1/nothing']) {
			const { headers } = await app.inject(url);
			expect(headers['x-content-type-options']).toBe('nosniff');
			expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
			expect(headers['content-security-policy']).toContain("script-src 'self';");
			expect(headers['access-control-allow-origin']).toBeUndefined();
		}
	});

	test('answers are not kept by caches', async () => {
		expect((await app.inject('/api/services')).headers['cache-control']).toBe('no-store');
		expect((await app.inject('/api/v1/nothing')).headers['cache-control']).toBe('no-store');
	});

	test('a name that is not ours is refused on loopback', async () => {
		for (const url of ['/', '/api/services', '/metrics'])
			expect((await app.inject({ url, headers: { host: 'evil.example' } })).statusCode).toBe(403);
		expect((await app.inject({ url: '/api/services', headers: { host: 'localhost:4380' } })).statusCode).toBe(200);
	});
});

describe('compression', () => {
	test('large JSON is gzipped for those who take it', async () => {
		const plain = await app.inject('/api/services');
		const packed = await app.inject({ url: '/api/services', headers: { 'accept-encoding': 'br, gzip' } });
		expect(plain.headers['content-encoding']).toBeUndefined();
		expect(packed.headers['content-encoding']).toBe('gzip');
		expect(packed.headers.vary).toBe('accept-encoding');
		expect(Number(packed.headers['content-length'])).toBe(packed.rawPayload.length);
		expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 5);
		expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.body);
	});

	test('small JSON is left alone', async () => {
		const answer = await app.inject({ url: '/healthz', headers: { 'accept-encoding': 'gzip' } });
		expect(answer.headers['content-encoding']).toBeUndefined();
	});
});

test('probes', async () => {
	expect((await app.inject('/healthz')).json()).toEqual({ status: 'alive' });
	expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready', reasons: [] });
	const metrics = await app.inject('/metrics');
	expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
	expect(metrics.body).toContain('up 1');
	const waiting = await buildFake({ health: () => ({ ready: false, reasons: ['the engine is starting'] }) });
	const answer = await waiting.inject('/readyz');
	expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'not ready', reasons: ['the engine is starting'] }]);
	await waiting.close();
});
