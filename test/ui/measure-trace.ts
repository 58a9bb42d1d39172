/** Opening, scrolling and zooming a trace in a real browser, measured: for the test of the large trace and for benchmarks. */

import type { Browser, CDPSession, Page } from 'playwright-core';
import { openPage } from './browser.ts';

export interface Measured {
	/** Rows of the waterfall. */
	readonly spans: number;
	/** Rows in the document after opening: must not grow with the trace. */
	readonly rowsDrawn: number;
	/** What the page complained about on its console. */
	readonly complaints: readonly string[];
	/** From navigation to the first bars on screen. */
	readonly firstPaintMs: number;
	/** From navigation to the last byte of the trace. */
	readonly answerMs: number;
	readonly scroll: Frames;
	readonly zoom: Frames;
}

export interface Frames {
	readonly p50Ms: number;
	readonly p95Ms: number;
	readonly maxMs: number;
	/** CPU time of the page's main thread for each frame, which other processes do not lengthen as they lengthen frames. */
	readonly cpuMs: number;
}

/** `url` is that of a trace page. */
export async function measureTrace(on: Browser, url: string): Promise<Measured> {
	const opened = await openPage(on);
	const { page } = opened;
	// The page's own code is fetched once before, as by anyone who comes from Explore.
	await page.goto(url);
	await firstPaint(page);
	await page.goto(url);
	const firstPaintMs = await firstPaint(page);
	const answerMs = await page.evaluate(
		() =>
			(performance.getEntriesByType('resource').find(({ name }) => /\/traces\/[0-9a-f]{32}$/.test(name)) as PerformanceResourceTiming)
				.responseEnd,
	);
	const spans = Number(await page.getByRole('treegrid').getAttribute('aria-rowcount'));
	const rowsDrawn = await page.locator('.waterfall__row').count();
	const session = await page.context().newCDPSession(page);
	await session.send('Performance.enable', { timeDomain: 'threadTicks' });
	const scroll = await framesOf(session, () => scrollFrames(page, 240));
	const zoom = await framesOf(session, () => zoomFrames(page, 120));
	await opened.close();
	const complaints = opened.complaints;
	return { spans, rowsDrawn, complaints, firstPaintMs: Math.round(firstPaintMs), answerMs: Math.round(answerMs), scroll, zoom };
}

async function firstPaint(page: Page): Promise<number> {
	const handle = await page.waitForFunction(() => performance.getEntriesByName('waterfall-first-paint')[0]?.startTime);
	return (await handle.jsonValue()) ?? Number.NaN;
}

async function framesOf(session: CDPSession, run: () => Promise<number[]>): Promise<Frames> {
	const cpuBefore = await mainThreadMs(session);
	const times = (await run()).toSorted((a, b) => a - b);
	const cpuMs = ((await mainThreadMs(session)) - cpuBefore) / times.length;
	const round = (value: number): number => Math.round(value * 10) / 10;
	const at = (quantile: number): number => round(times[Math.floor((times.length - 1) * quantile)] ?? Number.NaN);
	return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1), cpuMs: round(cpuMs) };
}

async function mainThreadMs(session: CDPSession): Promise<number> {
	const { metrics } = await session.send('Performance.getMetrics');
	return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1000;
}

/** Milliseconds between frames while the waterfall scrolls by some ten rows a frame. */
function scrollFrames(page: Page, count: number): Promise<number[]> {
	return page.evaluate(
		(frames) =>
			new Promise<number[]>((settle) => {
				const scroller = document.querySelector('.waterfall__scroller') as HTMLElement;
				const times: number[] = [];
				let last = performance.now();
				const frame = (now: number): void => {
					times.push(now - last);
					last = now;
					scroller.scrollTop += 227;
					if (times.length > frames) settle(times.slice(1));
					else requestAnimationFrame(frame);
				};
				requestAnimationFrame(frame);
			}),
		count,
	);
}

/** Milliseconds between frames while Ctrl and the wheel zoom in and out around one point. */
function zoomFrames(page: Page, count: number): Promise<number[]> {
	return page.evaluate(
		(frames) =>
			new Promise<number[]>((settle) => {
				const scroller = document.querySelector('.waterfall__scroller') as HTMLElement;
				const box = scroller.getBoundingClientRect();
				const place = { clientX: box.x + box.width * 0.7, clientY: box.y + 100 };
				const times: number[] = [];
				let last = performance.now();
				const frame = (now: number): void => {
					times.push(now - last);
					last = now;
					const deltaY = times.length < frames / 2 ? -30 : 30;
					scroller.dispatchEvent(new WheelEvent('wheel', { ...place, deltaY, ctrlKey: true, bubbles: true, cancelable: true }));
					if (times.length > frames) settle(times.slice(1));
					else requestAnimationFrame(frame);
				};
				requestAnimationFrame(frame);
			}),
		count,
	);
}
