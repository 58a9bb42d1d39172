import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPage, type WatchedPage } from './browser.ts';
import { spanIdOf } from './fixture-data.ts';
import { CHECKOUT_ID, LARGE_ID } from './fixture-traces.ts';
import { stage } from './stage.ts';

const { api, browser } = stage();
let opened: WatchedPage;

beforeEach(async () => {
	Object.assign(api().behaviour, { hasData: true, failing: false, delayMs: 0 });
	opened = await openPage(browser());
});
afterEach(() => opened.close());

const go = (path: string) => opened.page.goto(api().url + path);
const text = (words: string) => opened.page.getByText(words, { exact: true }).filter({ visible: true }).first();

describe('every page renders under a strict policy without a complaint on the console', () => {
	const pages = [
		['/', 'Latest traces with errors'],
		['/services/orders', 'Operations'],
		['/explore', 'Load more'],
		[`/trace/${CHECKOUT_ID}`, 'validate basket'],
		[`/trace/${CHECKOUT_ID}?span=${spanIdOf('mail2')}&tab=events`, 'exception.stacktrace'],
		[`/trace/${CHECKOUT_ID}?view=logs`, 'order stored'],
		[`/trace/${LARGE_ID}`, 'nightly reconciliation'],
		['/pipeline', 'every record is accounted for'],
		['/nothing-here', 'There is no page at this address'],
	] as const;
	for (const scheme of ['light', 'dark'] as const)
		for (const width of [1440, 390])
			test(`${scheme}, ${width} px`, async () => {
				await opened.close();
				opened = await openPage(browser(), { colorScheme: scheme, viewport: { width, height: 844 } });
				for (const [path, expected] of pages) {
					await go(path);
					await text(expected).waitFor();
					const wide = await opened.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
					expect(wide, `${path} scrolls sideways`).toBeLessThanOrEqual(0);
				}
				expect(await opened.page.evaluate(() => document.documentElement.dataset['mantineColorScheme'])).toBe(scheme);
				expect(opened.complaints).toEqual([]);
			});
});

describe('states', () => {
	test('without data the Overview guides to the first span and turns green when it arrives', async () => {
		api().behaviour.hasData = false;
		await go('/');
		await text('Send the first span').waitFor();
		await text('127.0.0.1:4317').waitFor();
		await text('Waiting for the first span').waitFor();
		await opened.page.getByRole('tab', { name: 'Rust' }).click();
		await opened.page.getByText('throughline::init').waitFor();
		api().behaviour.hasData = true;
		await text('The first span is here.').waitFor();
		await opened.page.getByRole('grid', { name: 'Services' }).waitFor();
		expect(opened.complaints).toEqual([]);
	});

	test('a failing platform says cause and cure, and a retry brings the page', async () => {
		api().behaviour.failing = true;
		await go('/explore');
		await text('Cannot load the traces').waitFor();
		await opened.page.getByText('It is usually back within a few seconds.').first().waitFor();
		api().behaviour.failing = false;
		await opened.page.getByRole('button', { name: 'Retry' }).click();
		await opened.page.getByRole('grid', { name: 'Traces' }).waitFor();
	});

	test('a slow answer shows a skeleton, a fast one none', async () => {
		api().behaviour.delayMs = 800;
		await go('/explore');
		const skeleton = opened.page.getByRole('status', { name: 'Searching traces' });
		await skeleton.waitFor();
		expect(await skeleton.evaluate((element) => getComputedStyle(element).visibility)).toBe('visible');
		await opened.page.getByRole('grid', { name: 'Traces' }).waitFor();
		expect(await skeleton.count()).toBe(0);
	});

	test('a trace that is not stored is said to be missing, not broken', async () => {
		await go('/trace/0af7651916cd43dd8448eb211c80319c');
		await text('This trace is not here').waitFor();
		await go('/trace/nonsense');
		await text('This is not a trace id').waitFor();
	});

	test('nothing found says why and offers a way out', async () => {
		await go('/explore?service=gateway&min=5000000');
		await text('No trace matches these filters').waitFor();
		await opened.page.getByRole('button', { name: 'Clear filters' }).click();
		await opened.page.getByRole('grid', { name: 'Traces' }).waitFor();
		expect(new URL(opened.page.url()).search).toBe('');
	});
});

test('the theme is chosen once and kept without a flash of the other', async () => {
	await go('/');
	await opened.page.getByRole('button', { name: /^Theme/ }).click();
	await opened.page.getByRole('menuitem', { name: 'Dark' }).click();
	await opened.page.reload({ waitUntil: 'commit' });
	await opened.page.waitForFunction(() => document.body !== null);
	expect(await opened.page.evaluate(() => document.documentElement.dataset['mantineColorScheme'])).toBe('dark');
});
