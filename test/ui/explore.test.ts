import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPage, type WatchedPage } from './browser.ts';
import { CHECKOUT_ID } from './fixture-traces.ts';
import { stage } from './stage.ts';

const { api, browser } = stage();
let opened: WatchedPage;

beforeEach(async () => {
	opened = await openPage(browser());
});
afterEach(async () => {
	expect(opened.complaints).toEqual([]);
	await opened.close();
});

const search = () => new URL(opened.page.url()).searchParams;
const rows = () => opened.page.getByRole('grid', { name: 'Traces' }).locator('.table__body > [role=row]');

describe('filters', () => {
	test('service, operation, status, duration and attribute go into the URL, and back and forward walk through them', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		await rows().first().waitFor();
		await page.getByRole('button', { name: 'Service', exact: true }).click();
		await page.getByRole('textbox', { name: 'Search service' }).fill('order');
		await page.getByRole('option', { name: /orders/ }).click();
		await page.waitForURL(/service=orders/);
		await page.getByRole('button', { name: 'Operation', exact: true }).click();
		await page.getByRole('option', { name: 'POST /orders' }).click();
		await page.waitForURL(/operation=POST/);
		await page.getByRole('button', { name: 'Error', exact: true }).click();
		await page.waitForURL(/status=error/);
		await page.goBack();
		expect(search().get('status')).toBeNull();
		expect(search().get('operation')).toBe('POST /orders');
		await page.goBack();
		await page.goBack();
		expect(page.url()).toBe(`${api().url}/explore`);
		await page.goForward();
		expect(search().get('service')).toBe('orders');
		await page.getByRole('button', { name: 'Service: orders' }).waitFor();
	});

	test('a duration and an attribute narrow the results; a link to them shows the same', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		await rows().first().waitFor();
		await page.getByRole('textbox', { name: /^Longer than/ }).fill('0.1 s');
		await page.keyboard.press('Enter');
		await page.waitForURL(/min=100/);
		await page.getByRole('textbox', { name: /^Attribute/ }).fill('shop.region=us-2');
		await page.keyboard.press('Enter');
		await page.waitForURL(/attribute=shop.region%3Dus-2/);
		await page.getByText(/\d+ traces?, newest first/).waitFor();
		// The range ends now and moves on, so both look again at the same moment's results by absolute time.
		await page.goto(`${page.url()}&from=${Date.now() - 3_600_000}&to=${Date.now()}`);
		await page.getByText(/\d+ traces?, newest first/).waitFor();
		const found = await rows().count();
		expect(found).toBeGreaterThan(0);
		const other = await openPage(browser());
		await other.page.goto(page.url());
		await other.page.getByText(/\d+ traces?, newest first/).waitFor();
		expect(await other.page.getByRole('grid', { name: 'Traces' }).locator('.table__body > [role=row]').count()).toBe(found);
		await other.close();
		await page.getByRole('button', { name: 'Remove shop.region=us-2' }).click();
		await page.waitForFunction(() => !location.search.includes('attribute'));
	});

	test('a value that means something in a URL survives it', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		await rows().first().waitFor();
		await page.getByRole('textbox', { name: /^Attribute/ }).fill('q=50%41 & more=#1');
		await page.keyboard.press('Enter');
		await page.getByText('No trace matches these filters').waitFor();
		await page.reload();
		await page.getByText('q=50%41 & more=#1').waitFor();
		expect(api().requests.some((request) => new URL(request, 'http://x').searchParams.get('attribute') === 'q=50%41 & more=#1')).toBe(true);
	});
});

describe('results', () => {
	test('keyboard walks the rows and enter opens a trace', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		const grid = page.getByRole('grid', { name: 'Traces' });
		await grid.focus();
		for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp', 'j', 'k']) await page.keyboard.press(key);
		expect(await rows().nth(0).getAttribute('data-active')).toBe('true');
		expect(await grid.getAttribute('aria-activedescendant')).toBe(await rows().nth(0).getAttribute('id'));
		await page.keyboard.press('Enter');
		await page.waitForURL(/\/trace\/[0-9a-f]{32}/);
		await page.getByRole('treegrid', { name: 'Spans' }).waitFor();
		await page.goBack();
		await rows().first().waitFor();
	});

	test('more pages follow by cursor, without repeating a trace, and rows beyond 200 are virtual', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		await rows().nth(99).waitFor();
		for (let load = 0; load < 2; load++) await page.getByRole('button', { name: 'Load more' }).click();
		await page.getByText('These are all.').waitFor();
		const total = Number(await page.getByRole('grid', { name: 'Traces' }).getAttribute('aria-rowcount')) - 1;
		expect(total).toBe(243);
		expect(await rows().count()).toBeLessThan(120);
		await page.locator('.page').evaluate((element) => element.scrollTo(0, element.scrollHeight));
		await page.locator(`[aria-rowindex="${total + 1}"]`).waitFor();
	});

	test('longest first asks the server and puts the longest on top', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		await page.getByRole('button', { name: 'Duration' }).click();
		await page.waitForURL(/sort=duration/);
		await rows().first().getByText('nightly reconciliation').waitFor();
	});

	test('a dot opens its trace, a drag zooms into time and duration, and the zoom can be undone', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		await rows().first().waitFor();
		const box = await page.locator('.scatter canvas').boundingBox();
		if (box === null) throw new Error('no scatter plot');
		await page.mouse.move(box.x + box.width * 0.7, box.y + 40);
		await page.mouse.down();
		await page.mouse.move(box.x + box.width * 0.95, box.y + 140, { steps: 4 });
		await page.mouse.up();
		await page.waitForURL(/from=\d+&to=\d+/);
		expect(search().has('min') && search().has('max')).toBe(true);
		await page.getByRole('button', { name: 'Undo zoom' }).click();
		await page.waitForFunction(() => location.search === '');
	});
});

describe('time', () => {
	test('relative, custom and absolute ranges', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		const picker = page.getByRole('button', { name: 'Last 15m' });
		await picker.click();
		await page.getByRole('button', { name: '5m', exact: true }).click();
		await page.waitForURL(/last=5m/);
		await page.getByRole('button', { name: 'Last 5m' }).click();
		await page.getByRole('textbox', { name: 'Last' }).fill('45 min');
		await page.keyboard.press('Enter');
		await page.waitForURL(/last=45m/);
		await page.getByRole('button', { name: 'Last 45m' }).click();
		await page.getByRole('textbox', { name: 'From' }).fill('2026-01-01 00:00:00');
		await page.getByRole('textbox', { name: 'To', exact: true }).fill('2026-01-01 01:00');
		await page.getByRole('button', { name: 'Use these times' }).click();
		await page.getByText('No traces in this time range').waitFor();
		expect(Number(search().get('to')) - Number(search().get('from'))).toBe(3_600_000);
	});

	test('live asks again and again, and only while it is on', async () => {
		const { page } = opened;
		await page.goto(`${api().url}/explore`);
		await rows().first().waitFor();
		const asked = () => api().requests.filter((request) => request.startsWith('/api/v1/traces?')).length;
		const before = asked();
		await page.getByRole('button', { name: 'Live' }).click();
		await page.waitForURL(/live=1/);
		await expect.poll(asked, { timeout: 8000 }).toBeGreaterThan(before);
	});
});

test('the palette goes to services, pages and pasted trace ids', async () => {
	const { page } = opened;
	await page.goto(`${api().url}/explore?last=3h`);
	await rows().first().waitFor();
	await page.keyboard.press('Control+k');
	await page.keyboard.type('inventory');
	await page.getByRole('option', { name: /inventory/ }).waitFor();
	await page.keyboard.press('Enter');
	await page.waitForURL(/\/services\/inventory\?last=3h/);
	await page.keyboard.press('Control+k');
	await page.keyboard.insertText(CHECKOUT_ID);
	await page.keyboard.press('Enter');
	await page.waitForURL(new RegExp(`/trace/${CHECKOUT_ID}`));
});

test('a service opens its traces from the Overview, its charts from the details', async () => {
	const { page } = opened;
	await page.goto(`${api().url}/`);
	const grid = page.getByRole('grid', { name: 'Services' });
	await grid.getByRole('link', { name: 'Traces of orders' }).click();
	await page.waitForURL(/\/explore\?service=orders/);
	await page.goBack();
	await grid.getByRole('link', { name: /Details of orders/ }).click();
	await page.waitForURL(/\/services\/orders/);
	await page
		.getByRole('figure', { name: /^Latency/ })
		.locator('canvas')
		.waitFor();
	await page.getByRole('link', { name: 'Traces of POST /orders' }).click();
	await page.waitForURL(/operation=POST/);
});

test('columns sort by any number, largest first, and the order is in the URL', async () => {
	const { page } = opened;
	await page.goto(`${api().url}/`);
	const names = () => page.getByRole('grid', { name: 'Services' }).locator('.service-name').allInnerTexts();
	await page.getByRole('button', { name: 'Service', exact: true }).click();
	await page.waitForURL(/sort=service/);
	expect((await names()).map((name) => name.split('\n')[0])).toEqual(['gateway', 'inventory', 'notifier', 'orders', 'pricing', 'worker']);
	await page.getByRole('grid', { name: 'Services' }).getByRole('button', { name: 'p99' }).click();
	await page.waitForURL(/sort=-p99/);
	expect(await page.getByRole('columnheader', { name: 'p99' }).first().getAttribute('aria-sort')).toBe('descending');
});
