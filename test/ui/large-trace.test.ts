import { expect, test } from 'vitest';
import { CHECKOUT_ID, LARGE_ID, LARGE_SPANS } from './fixture-traces.ts';
import { measureTrace } from './measure-trace.ts';
import { stage } from './stage.ts';

const { api, browser } = stage();

/** Far above what is measured, so that a busy machine does not fail. */
const FIRST_PAINT_MS_MAX = 3000;
/** CPU time of the page's main thread, which other processes do not lengthen as they lengthen frames. */
const CPU_PER_FRAME_MS_MAX = 40;
/** A frame may take this many times what a frame of a 36-span trace takes on the same machine in the same minute, */
const FRAME_RATIO_MAX = 4;
/** or this long: whichever is more. */
const FRAME_P95_MS_MAX = 60;

test('a trace of 20 000 spans opens, scrolls and zooms without visible delay', { timeout: 180_000 }, async () => {
	const small = await measureTrace(browser(), `${api().url}/trace/${CHECKOUT_ID}`);
	const large = await measureTrace(browser(), `${api().url}/trace/${LARGE_ID}`);
	console.log(JSON.stringify({ small, large }));
	expect(large.complaints).toEqual([]);
	expect(large.spans).toBe(LARGE_SPANS);
	expect(large.rowsDrawn).toBeLessThan(150);
	expect(large.firstPaintMs).toBeLessThan(FIRST_PAINT_MS_MAX);
	for (const kind of ['scroll', 'zoom'] as const) {
		expect(large[kind].cpuMs, `${kind}: CPU time of a frame`).toBeLessThan(CPU_PER_FRAME_MS_MAX);
		// A small trace fits its pane and does not scroll, so its zoom is the measure for both.
		expect(large[kind].p95Ms, `${kind}: 95th percentile of frames`).toBeLessThan(
			Math.max(FRAME_P95_MS_MAX, small.zoom.p95Ms * FRAME_RATIO_MAX),
		);
	}
});
