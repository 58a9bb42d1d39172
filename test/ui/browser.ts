/** The system's Chromium, headless, with a fresh profile; and pages that remember every complaint on their console. */

import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const ARGS = [
	'--headless',
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

/** Playwright makes a new profile directory for each launch and removes it afterwards. */
export function launchBrowser(): Promise<Browser> {
	return chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ARGS });
}

export interface WatchedPage {
	readonly page: Page;
	/** Console errors and warnings, uncaught exceptions, blocked and failed requests of its own origin. */
	readonly complaints: string[];
	close(): Promise<void>;
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
	const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', ...options });
	const page = await context.newPage();
	const complaints: string[] = [];
	page.on('console', (message) => {
		if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${message.type()}: ${message.text()}`);
	});
	page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
	return { page, complaints, close: () => context.close() };
}
