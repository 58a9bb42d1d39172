/** For the machines that watch us: liveness, readiness and the metrics of the platform itself. */

import type { ApiApp, ApiContext } from './context.ts';

export function registerProbes(app: ApiApp, context: ApiContext): void {
	app.get('/healthz', { schema: { hide: true } }, async (_request, reply) =>
		reply.header('cache-control', 'no-store').send({ status: 'alive' }),
	);

	app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
		const { ready, reasons } = await context.health();
		return reply
			.code(ready ? 200 : 503)
			.header('cache-control', 'no-store')
			.send({ status: ready ? 'ready' : 'not ready', reasons });
	});

	app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
		reply
			.type('text/plain; version=0.0.4; charset=utf-8')
			.header('cache-control', 'no-store')
			.send(await context.metricsText()),
	);
}
