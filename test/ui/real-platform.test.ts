import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../tools/run/platform.ts';
import { launchBrowser, openPage } from './browser.ts';
import { builtUi } from './built-ui.ts';
import { takeTurn } from './turn.ts';

const TRACE_ID = '5b8efff798038103d269b633813fc60c';
let platform: Platform;
let browser: Browser;
let endTurn: (() => void) | undefined;
const directory = mkdtempSync(join(tmpdir(), 'throughline-ui-'));

beforeAll(async () => {
	endTurn = await takeTurn();
	await builtUi();
	platform = await startPlatform({ dataDir: join(directory, 'data') });
	browser = await launchBrowser();
}, 900_000);
afterAll(async () => {
	await browser?.close();
	await platform?.stop();
	endTurn?.();
	rmSync(directory, { recursive: true, force: true });
});

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });

/** OTLP JSON of one service's spans: a Go gateway that calls a Rust service which fails. */
function spansOf(service: string, language: string, spans: readonly object[]): object {
	return {
		resource: { attributes: [text('service.name', service), text('telemetry.sdk.language', language)] },
		scopeSpans: [{ scope: { name: 'test' }, spans }],
	};
}

function traceRequest(nowMs: number): object {
	const at = (offsetMs: number): string => `${nowMs + offsetMs}000000`;
	const base = { traceId: TRACE_ID, attributes: [text('shop.basket', 'b-1')] };
	const root = { ...base, spanId: '00000000000000a1', name: 'POST /checkout', kind: 2, startTimeUnixNano: at(0), endTimeUnixNano: at(80) };
	const call = {
		...base,
		spanId: '00000000000000a2',
		parentSpanId: root.spanId,
		name: 'POST /orders',
		kind: 3,
		startTimeUnixNano: at(10),
		endTimeUnixNano: at(70),
	};
	const served = {
		...base,
		spanId: '00000000000000b1',
		parentSpanId: call.spanId,
		name: 'POST /orders',
		kind: 2,
		startTimeUnixNano: at(15),
		endTimeUnixNano: at(65),
		status: { code: 2, message: 'stock is gone' },
		events: [{ timeUnixNano: at(60), name: 'exception', attributes: [text('exception.message', 'no row for sku-007')] }],
	};
	return { resourceSpans: [spansOf('gateway', 'go', [root, call]), spansOf('orders', 'rust', [served])] };
}

test('the first span turns the guide into the Overview, and leads on to its trace', async () => {
	const opened = await openPage(browser);
	const { page } = opened;
	page.setDefaultTimeout(30_000);
	await page.goto(platform.apiUrl);
	await page.getByText('Waiting for the first span').waitFor();
	const sent = await fetch(`${platform.otlpHttpUrl}/v1/traces`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify(traceRequest(Date.now() - 5000)),
	});
	expect(sent.status).toBe(200);
	await page.getByText('The first span is here.').waitFor();
	const services = page.getByRole('grid', { name: 'Services' });
	await services.getByRole('link', { name: 'Traces of gateway' }).waitFor();
	expect(await services.textContent()).toContain('Rust');

	await page.goto(`${platform.apiUrl}/explore?attribute=shop.basket%3Db-1&status=error`);
	await page.getByRole('link', { name: 'Trace gateway POST /checkout' }).click();
	await page.waitForURL(new RegExp(TRACE_ID));
	const tree = page.getByRole('treegrid', { name: 'Spans' });
	await tree.getByRole('row', { name: /^orders POST \/orders, error/ }).click();
	const dock = page.getByRole('complementary', { name: 'Span details' });
	await dock.getByText('stock is gone').waitFor();
	await dock.getByText('no row for sku-007').waitFor();
	await dock.getByRole('tab', { name: /Attributes/ }).click();
	await dock.getByText('shop.basket').waitFor();

	await page.goto(`${platform.apiUrl}/services/orders`);
	await page.getByRole('link', { name: 'Traces of POST /orders' }).waitFor();
	expect(opened.complaints).toEqual([]);
	await opened.close();
});
