/**
 * Remote control: the document a kit follows (`/v1/kit/config`), kept waiting until there is news when the kit says it would wait
 * (`Prefer: wait=25`, RFC 7240), Jaeger's remote sampling for other SDKs, and which kit has applied which revision.
 */

import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ControlDocument } from '../control/document.ts';
import { JaegerSampling, jaegerSampling } from '../control/jaeger-sampling.ts';
import type { ApiApp, ApiContext } from './context.ts';
import { KitsResponse, PATHS } from './contract.ts';
import { ERRORS } from './openapi.ts';

/** Longest wait; proxies commonly cut at 30 s. */
const WAIT_SECONDS_MAX = 25;
/** When too many wait already, a kit is answered at once and asked to come back later. */
const FULL_RETRY_SECONDS = 5;

const name = z.string().max(256);
const KitQuery = z.object({
	service: name.min(1).describe('service.name'),
	env: name.default('').describe('deployment.environment.name'),
	instance: name.default('').describe('service.instance.id'),
	sdk: name.default('').describe('the kit and its version, e.g. go/0.1.0'),
});
const KitHeaders = z.object({
	'if-none-match': z.string().optional().describe('ETag of the document the kit has'),
	prefer: z.string().optional().describe('wait=25: answer when there is news, or 304 after so many seconds'),
	'x-throughline-revision': z.string().optional().describe('the revision in force at the kit'),
});
const KitDocument = ControlDocument.extend({ v: z.literal(1), revision: z.int() });

export function registerKitConfig(app: ApiApp, context: ApiContext): void {
	app.addHook('preClose', (done) => {
		context.control.close();
		done();
	});
	app.get(
		PATHS.kitConfig,
		{
			schema: {
				summary: 'What a kit is to do',
				tags: ['control'],
				querystring: KitQuery,
				headers: KitHeaders,
				response: { 200: KitDocument, 304: z.null().describe('nothing new'), ...ERRORS },
			},
		},
		async (request, reply) => {
			const { service, env, instance, sdk } = request.query;
			const { 'if-none-match': known, prefer, 'x-throughline-revision': applied } = request.headers;
			const revision = /^\d{1,16}$/.test(applied ?? '') ? Number(applied) : 0;
			context.control.see({ service, environment: env, instance, sdk, revision });
			let notice = context.control.notice(service, env);
			const waitSeconds = waitOf(prefer);
			if (known === notice.etag && waitSeconds > 0) {
				const end = await context.control.wait(waitSeconds * 1_000, hangUp(reply));
				if (end === 'full') void reply.header('retry-after', FULL_RETRY_SECONDS);
				void reply.header('preference-applied', `wait=${waitSeconds}`);
				notice = context.control.notice(service, env);
			}
			void reply.header('etag', notice.etag).header('cache-control', 'no-store');
			if (known === notice.etag) return reply.code(304).send(null);
			if (notice.signature !== undefined) void reply.header('throughline-signature', notice.signature);
			// Exactly the bytes that were signed.
			const whole: FastifyReply = reply;
			return whole.type('application/json; charset=utf-8').send(Buffer.from(notice.body));
		},
	);
	app.get(
		PATHS.jaegerSampling,
		{
			schema: {
				summary: "Sampling in the form of Jaeger's remote sampling",
				tags: ['control'],
				querystring: KitQuery.pick({ service: true, env: true }),
				response: { 200: JaegerSampling, ...ERRORS },
			},
		},
		async (request): Promise<JaegerSampling> => jaegerSampling(context.control.notice(request.query.service, request.query.env).document),
	);
	app.get(
		PATHS.kits,
		{
			schema: {
				summary: 'The kits that ask, and the revision each has applied',
				tags: ['control'],
				response: { 200: KitsResponse, ...ERRORS },
			},
		},
		async (): Promise<KitsResponse> => ({ revision: context.control.revision, kits: [...context.control.kits()] }),
	);
}

function waitOf(prefer: string | undefined): number {
	const seconds = Number(/(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})/i.exec(prefer ?? '')?.[1] ?? 0);
	return Math.min(seconds, WAIT_SECONDS_MAX);
}

function hangUp(reply: FastifyReply): AbortSignal {
	const controller = new AbortController();
	reply.raw.once('close', () => controller.abort());
	return controller.signal;
}
