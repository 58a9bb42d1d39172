/**
 * The built UI: hashed assets may be kept for ever, `index.html` must be asked for every time, and every path that is neither a file
 * nor the API's belongs to the router in the browser and gets `index.html`.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Failure } from '../base/errors.ts';
import { sendProblem } from './errors.ts';

/** What the bundler names after its content, e.g. `assets/index-B3kf9a2c.js`. */
const HASHED = /[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Throughline: the UI has not been built</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>The UI has not been built</h1>
<p>The platform is running: it receives telemetry, and its API answers at <a href="/api/v1/status">/api/v1/status</a>.</p>
<p>To build the screen, run <code>make up</code> in the source folder, then reload this page.</p>
`;

export async function registerUi(app: FastifyInstance, uiDir: string): Promise<void> {
	await app.register(fastifyStatic, {
		root: uiDir,
		wildcard: false,
		serve: false,
		suppressWarning: true,
		cacheControl: false,
		setHeaders: (response, path) => {
			void response.header('cache-control', HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
		},
	});
	app.get('/*', { schema: { hide: true } }, (request, reply) => serve(request, reply, uiDir));
	app.setNotFoundHandler((request, reply) =>
		sendProblem(
			new Failure('not_found', `${request.method} ${pathOf(request)} does not exist`, { hint: 'GET /api/openapi.json lists every path' }),
			request,
			reply,
		),
	);
}

async function serve(request: FastifyRequest, reply: FastifyReply, uiDir: string): Promise<FastifyReply> {
	const path = pathOf(request);
	if (path.startsWith('/api/') || path === '/api') return reply.callNotFound() as unknown as FastifyReply;
	if (!existsSync(join(uiDir, 'index.html')))
		return reply.code(503).type('text/html; charset=utf-8').header('cache-control', 'no-store').send(NOT_BUILT);
	const file = (request.params as { '*': string })['*'];
	if (isFile(file)) return reply.sendFile(file);
	return reply.sendFile('index.html');
}

/** A last path segment with an extension names a file; everything else is a place inside the UI. */
function isFile(path: string): boolean {
	return /\.[A-Za-z0-9]{1,8}$/.test(path);
}

function pathOf(request: FastifyRequest): string {
	return request.url.split('?', 1)[0] ?? request.url;
}
