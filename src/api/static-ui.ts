/**
 * The built UI: hashed assets may be kept for ever, `index.html` must be asked for every time, and every path that is neither a file
 * nor the API's belongs to the router in the browser and gets `index.html`.
 */

import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Failure } from '../base/errors.ts';
import { sendProblem } from './errors.ts';

/** What the bundler names after its content, e.g. `assets/index-B3kf9a2c.js`. */
const HASHED = /\/assets\/[^/]*-[A-Za-z0-9_-]{8}\.[a-z0-9]+$/;

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Throughline: the UI has not been built</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>The UI has not been built</h1>
<p>The platform is running: it receives telemetry, and its API answers at <a href="/api/v1/status">/api/v1/status</a>.</p>
<p>To build the screen, run <code>make up</code> in the source folder, then reload this page.</p>
`;

/** What browsers load by themselves: asked for and missing, it is missing, and no page can stand in for it. */
const ASSET = /\.(?:js|mjs|css|map|json|wasm|svg|png|ico|jpg|webp|woff2?|ttf|txt|webmanifest)$/;

export async function registerUi(app: FastifyInstance, uiDir: string): Promise<void> {
	await app.register(fastifyStatic, {
		root: uiDir,
		serve: false,
		suppressWarning: true,
		cacheControl: false,
		setHeaders: (reply, path) => {
			void reply.header('cache-control', HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
		},
	});
	app.get('/*', { schema: { hide: true } }, (request, reply) => serve(request, reply, uiDir));
	app.setNotFoundHandler((request, reply) => sendProblem(notFound(request), request, reply));
}

async function serve(request: FastifyRequest, reply: FastifyReply, uiDir: string): Promise<FastifyReply> {
	const path = pathOf(request);
	if (path === '/api' || path.startsWith('/api/')) throw notFound(request);
	if (ASSET.test(path)) {
		const file = (request.params as { '*': string })['*'];
		if (!existsSync(join(uiDir, normalize(`/${file}`)))) throw notFound(request);
		return reply.sendFile(file);
	}
	if (existsSync(join(uiDir, 'index.html'))) return reply.sendFile('index.html');
	return reply.code(503).type('text/html; charset=utf-8').header('cache-control', 'no-store').send(NOT_BUILT);
}

function notFound(request: FastifyRequest): Failure {
	return new Failure('not_found', `${request.method} ${pathOf(request)} does not exist`, {
		hint: 'GET /api/openapi.json lists every path',
	});
}

function pathOf(request: FastifyRequest): string {
	return request.url.split('?', 1)[0] ?? request.url;
}
