/** Puts the API together: one server for the JSON API, Jaeger's query API, the probes and the built UI. */

import { fastify, LogController } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import { registerCompression } from './compression.ts';
import { type ApiApp, type ApiOptions, apiContext } from './context.ts';
import { sendProblem } from './errors.ts';
import { RESOURCES } from './index.ts';
import { registerOpenApi } from './openapi.ts';
import { registerSecurity } from './security.ts';
import { registerUi } from './static-ui.ts';

/** The API reads; nothing it is sent has a body. */
const BODY_BYTES_MAX = 64 * 1_024;
/** Service names stand in paths; OTLP does not bound them. */
const PARAM_LENGTH_MAX = 2_048;

/** Builds the app; the caller listens (`app.listen`) and closes it. Routes are ready when the promise resolves. */
export async function buildApi(options: ApiOptions): Promise<ApiApp> {
	const app: ApiApp = fastify({
		loggerInstance: options.log,
		logController: new LogController({ disableRequestLogging: true }),
		bodyLimit: BODY_BYTES_MAX,
		requestTimeout: 30_000,
		routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
		// A URL that cannot be decoded never reaches a route or its hooks.
		frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
	});
	const context = apiContext(options);
	app.setValidatorCompiler(validatorCompiler);
	// Answers are typed where they are made and checked against their schemas by the tests: validating a hundred thousand spans again
	// on every request would cost more than reading them.
	app.setSerializerCompiler(() => JSON.stringify);
	app.setErrorHandler(sendProblem);
	options.instrument?.(app);
	registerSecurity(app, options);
	registerCompression(app);
	endConnectionsWhenClosing(app);
	dropEmptyParameters(app);
	await registerOpenApi(app, options.status().version);
	for (const register of RESOURCES) register(app, context);
	await registerUi(app, options.uiDir);
	await app.ready();
	return app;
}

/** Answers what is under way for at most `withinMs`, then cuts off who still waits, reads or writes. */
export async function closeApi(app: ApiApp, withinMs: number): Promise<void> {
	const cut = setTimeout(() => app.server.closeAllConnections(), withinMs);
	try {
		await app.close();
	} finally {
		clearTimeout(cut);
	}
}

/** A connection kept alive beyond its last answer would hold up the close: the server ends only those that are idle already. */
function endConnectionsWhenClosing(app: ApiApp): void {
	let closing = false;
	app.addHook('preClose', (done) => {
		closing = true;
		done();
	});
	app.addHook('onSend', async (_request, reply, payload) => {
		if (closing) void reply.header('connection', 'close');
		return payload;
	});
}

/** `?service=&limit=20`, as a form sends it, means the same as `?limit=20`; answers are never kept by caches. */
function dropEmptyParameters(app: ApiApp): void {
	app.addHook('preValidation', async (request, reply) => {
		if (request.url.startsWith('/api/')) void reply.header('cache-control', 'no-store');
		const query = request.query as Record<string, unknown> | null;
		for (const [name, value] of Object.entries(query ?? {})) if (value === '') delete query?.[name];
	});
}
