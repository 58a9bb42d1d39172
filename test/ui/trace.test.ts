import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPage, type WatchedPage } from './browser.ts';
import { spanIdOf } from './fixture-data.ts';
import { CHECKOUT_ID, WORKER_ID } from './fixture-traces.ts';
import { stage } from './stage.ts';

const { api, browser } = stage();
let opened: WatchedPage;

beforeEach(async () => {
	opened = await openPage(browser());
	await opened.page.goto(`${api().url}/trace/${CHECKOUT_ID}`);
	await row('validate basket').waitFor();
});
afterEach(async () => {
	expect(opened.complaints).toEqual([]);
	await opened.close();
});

const search = () => new URL(opened.page.url()).searchParams;
const tree = () => opened.page.getByRole('treegrid', { name: 'Spans' });
const row = (name: string) => tree().getByRole('row').filter({ hasText: name }).first();
const pricing = () => tree().getByRole('row', { name: /^pricing shop.v1.Pricing/ });
const selected = () => tree().locator('[role=row][aria-selected=true]');
const press = async (...keys: string[]) => {
	for (const key of keys) await opened.page.keyboard.press(key);
};

describe('keyboard', () => {
	test('j and k walk, the dock follows, and the URL holds the span', async () => {
		await press('j', 'j', 'j');
		expect(await selected().textContent()).toContain('shop.v1.Pricing/Quote');
		await opened.page.waitForURL(new RegExp(`span=${spanIdOf('quote-client')}`));
		await press('k');
		expect(await selected().textContent()).toContain('validate basket');
		await opened.page.getByRole('complementary', { name: 'Span details' }).getByRole('heading', { name: 'validate basket' }).waitFor();
		expect(await tree().getAttribute('aria-activedescendant')).toBe(await selected().getAttribute('id'));
		await press('Escape');
		await opened.page.waitForFunction(() => !location.search.includes('span='));
	});

	test('h collapses, then goes to the parent; l expands', async () => {
		await row('compute discounts').click();
		await press('h');
		expect(await row('rule volume').count()).toBe(0);
		expect(await row('compute discounts').textContent()).toContain('+5');
		expect(await row('compute discounts').getAttribute('aria-expanded')).toBe('false');
		await opened.page.waitForURL(/closed=/);
		await press('l');
		await row('rule volume').waitFor();
		await press('h', 'h');
		expect(await selected().textContent()).toContain('shop.v1.Pricing/Quote');
	});

	test('w, s, a, d and 0 zoom and pan, and the URL holds the window', async () => {
		await press('w', 'w');
		await opened.page.waitForURL(/zoom=\d+-\d+/);
		const [from = 0, to = 0] = (search().get('zoom') ?? '').split('-').map(Number);
		expect(to - from).toBeLessThan(152_400_000 * 0.4);
		await press('d');
		await opened.page.waitForFunction((zoom) => new URLSearchParams(location.search).get('zoom') !== zoom, search().get('zoom'));
		expect(Number(search().get('zoom')?.split('-')[0])).toBeGreaterThan(from);
		await press('0');
		await opened.page.waitForFunction(() => !location.search.includes('zoom'));
	});

	test('e goes from error to error, also into collapsed parts', async () => {
		await press('H');
		await press('e');
		expect(await selected().textContent()).toContain('POST /send');
		await press('e', 'e');
		expect(await selected().textContent()).toContain('ListStock');
		await press('e');
		expect(await selected().textContent()).toContain('POST /send');
		await press('E');
		expect(await selected().textContent()).toContain('ListStock');
	});

	test('/ filters, hidden spans are counted, Esc gives the rest back', async () => {
		await press('/');
		await opened.page.keyboard.type('service:inventory update');
		await opened.page.getByText('3 matches').waitFor();
		expect(await row('SELECT stock').count()).toBe(0);
		await tree()
			.getByText(/^\d+ spans? hidden by the filter$/)
			.first()
			.waitFor();
		await opened.page.waitForURL(/q=service/);
		await press('Escape', 'Escape');
		await row('SELECT stock').waitFor();
	});

	test('c hides the critical path, ? lists the keys', async () => {
		await press('c');
		await opened.page.waitForURL(/critical=0/);
		await press('?');
		await opened.page.getByRole('dialog').getByText('next and previous error').waitFor();
		await press('Escape');
		await opened.page.getByRole('dialog').waitFor({ state: 'detached' });
	});
});

describe('what a trace shows', () => {
	test('language, missing parent, errors below, clock skew', async () => {
		expect(await pricing().textContent()).toContain('Rust');
		await tree().getByText('missing parent').waitFor();
		await opened.page.getByText('1 parent missing').waitFor();
		await pricing().getByLabel('clock skew').waitFor();
		expect(await row('deliver mail').textContent()).toContain('2');
	});

	test('the dock: error first, attributes with their namespace, events, logs, links, resource, raw', async () => {
		const { page } = opened;
		await tree().getByText('POST /send').first().click();
		const dock = page.getByRole('complementary', { name: 'Span details' });
		await dock.getByText('mail API: 503 Service Unavailable').waitFor();
		await dock.getByRole('tab', { name: /Attributes/ }).click();
		await dock.getByText('http.request.resend_count').waitFor();
		await dock.getByText('[ "sku-001", "sku-007", 3 ]').waitFor();
		await dock.getByRole('tab', { name: /Events/ }).click();
		await dock.getByText('exception.stacktrace').waitFor();
		await dock.getByRole('tab', { name: /Logs/ }).click();
		await dock.getByText('mail API answered 503, trying again').waitFor();
		await dock.getByRole('tab', { name: /Resource/ }).click();
		await dock.getByText('deployment.environment.name').waitFor();
		await dock.getByRole('tab', { name: 'Raw' }).click();
		await dock.getByText('"spanId"').waitFor();
		await page.waitForURL(/tab=raw/);
	});

	test('an attribute leads to the traces that have it', async () => {
		await opened.page.goto(`${api().url}/trace/${CHECKOUT_ID}?span=${spanIdOf('root')}&tab=attributes`);
		await opened.page.getByRole('link', { name: 'Filter for http.route=/checkout' }).click();
		await opened.page.waitForURL(/attribute=http.route%3D%2Fcheckout/);
		await opened.page.getByRole('grid', { name: 'Traces' }).waitFor();
	});

	test('links lead to the other trace and back', async () => {
		const { page } = opened;
		await page.getByRole('button', { name: '1 span', exact: true }).click();
		await page.getByRole('complementary').getByRole('link', { name: 'process inventory.reserved' }).click();
		await page.waitForURL(new RegExp(`/trace/${WORKER_ID}\\?span=${spanIdOf('batch')}`));
		await page.getByRole('tab', { name: /Links/ }).click();
		await page
			.getByRole('complementary')
			.getByRole('link', { name: /^trace / })
			.click();
		await page.waitForURL(new RegExp(`/trace/${CHECKOUT_ID}`));
		await row('publish inventory.reserved').waitFor();
	});

	test('logs in the order of time, each leading to its span', async () => {
		const { page } = opened;
		await page.getByRole('button', { name: /^Logs/ }).click();
		const times = await page.getByRole('list', { name: 'Logs of the trace' }).getByRole('listitem').count();
		expect(times).toBe(9);
		await page.getByRole('listitem').filter({ hasText: 'order stored' }).getByRole('button').click();
		await page.getByRole('complementary').getByRole('heading', { name: 'INSERT orders' }).waitFor();
		await page.goBack();
		await page.goBack();
		await row('validate basket').waitFor();
	});

	test('a shared link opens the same view with absolute times', async () => {
		const { page } = opened;
		await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
		await row('compute discounts').click();
		await press('h', 'w');
		await page.waitForURL(/zoom=/);
		await page.getByRole('button', { name: 'Copy a link to this view' }).click();
		const link = await page.evaluate(() => navigator.clipboard.readText());
		expect(new URL(link).searchParams.get('from')).toMatch(/^\d{13}$/);
		const other = await openPage(browser());
		await other.page.goto(link);
		await other.page.getByRole('treegrid').locator('[aria-selected=true]').filter({ hasText: 'compute discounts' }).waitFor();
		expect(await other.page.getByText('rule volume').count()).toBe(0);
		await other.close();
	});
});

test('dragging in the minimap chooses the stretch of time', async () => {
	const { page } = opened;
	const box = await page.getByRole('slider', { name: 'Stretch of the trace shown' }).boundingBox();
	if (box === null) throw new Error('no minimap');
	await page.mouse.move(box.x + box.width * 0.25, box.y + 20);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 });
	await page.mouse.up();
	const shares = () => (search().get('zoom') ?? '').split('-').map((ns) => Math.round((Number(ns) / 152_400_000) * 20) / 20);
	await expect.poll(shares).toEqual([0.25, 0.5]);
	await page.getByRole('slider').dblclick();
	await page.waitForFunction(() => !location.search.includes('zoom'));
});

test('back closes the dock that a click opened', async () => {
	const { page } = opened;
	await row('encode response').click();
	await page.getByRole('complementary').waitFor();
	await page.goBack();
	await page.getByRole('complementary').waitFor({ state: 'detached' });
	await page.goForward();
	await page.getByRole('complementary').getByRole('heading', { name: 'encode response' }).waitFor();
});

test('on a phone the details come as a sheet', async () => {
	await opened.close();
	opened = await openPage(browser(), { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
	await opened.page.goto(`${api().url}/trace/${CHECKOUT_ID}`);
	// The middle of the row is where the divider stands.
	await row('validate basket').tap({ position: { x: 60, y: 10 } });
	const sheet = opened.page.getByRole('dialog');
	await sheet.getByRole('heading', { name: 'validate basket' }).waitFor();
	await sheet.getByRole('button', { name: 'Close details' }).tap();
	await sheet.waitFor({ state: 'detached' });
});
