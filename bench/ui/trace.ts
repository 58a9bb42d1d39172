/**
 * Opening, scrolling and zooming a trace of 20 000 spans in Chromium, from the real platform: sent over OTLP, stored, queried, drawn.
 * Prints one JSON object on the last line; bounded to about half a minute.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spanRequest } from '../../test/end-to-end/sending.ts';
import { launchBrowser } from '../../test/ui/browser.ts';
import { measureTrace } from '../../test/ui/measure-trace.ts';
import { startPlatform } from '../../tools/run/platform.ts';

const SPANS = 20_000;

const folder = mkdtempSync(join(tmpdir(), 'bench-ui-'));
const platform = await startPlatform({ dataDir: join(folder, 'data') });
const browser = await launchBrowser();
try {
	const { traceId, body } = spanRequest({ service: 'bench', spans: SPANS });
	const sent = await fetch(`${platform.otlpHttpUrl}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
	if (!sent.ok) throw new Error(`the platform answered ${sent.status}: ${await sent.text()}`);
	while (!(await fetch(`${platform.apiUrl}/api/v1/traces/${traceId}`)).ok) await new Promise((settle) => setTimeout(settle, 100));
	const measured = await measureTrace(browser, `${platform.apiUrl}/trace/${traceId}`);
	if (measured.spans !== SPANS || measured.complaints.length > 0) throw new Error(`the page is wrong: ${JSON.stringify(measured)}`);
	const { firstPaintMs, answerMs, scroll, zoom, rowsDrawn } = measured;
	console.log(
		`${SPANS} spans: first bars after ${firstPaintMs} ms, of which ${answerMs} ms until the answer is there; ${rowsDrawn} rows in the document`,
	);
	console.log(
		JSON.stringify({
			spans: SPANS,
			first_paint_ms: firstPaintMs,
			answer_ms: answerMs,
			scroll_frame_p95_ms: scroll.p95Ms,
			scroll_cpu_ms_per_frame: scroll.cpuMs,
			zoom_frame_p95_ms: zoom.p95Ms,
		}),
	);
} finally {
	await browser.close();
	await platform.stop();
	rmSync(folder, { recursive: true, force: true });
}
