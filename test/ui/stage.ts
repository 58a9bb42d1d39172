/** What each file of browser tests needs: the built UI, the fake API, a browser; started once, ended for certain. */

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { launchBrowser } from './browser.ts';
import { builtUi } from './built-ui.ts';
import { type FixtureApi, startFixtureApi } from './fixture-api.ts';
import { takeTurn } from './turn.ts';

export interface Stage {
	readonly api: () => FixtureApi;
	readonly browser: () => Browser;
}

/** All other files of browser tests may come first. */
const START_TIMEOUT_MS = 900_000;

export function stage(): Stage {
	let api: FixtureApi | undefined;
	let browser: Browser | undefined;
	let endTurn: (() => void) | undefined;
	beforeAll(async () => {
		endTurn = await takeTurn();
		await builtUi();
		[api, browser] = await Promise.all([startFixtureApi(), launchBrowser()]);
	}, START_TIMEOUT_MS);
	afterAll(async () => {
		await browser?.close();
		await api?.close();
		endTurn?.();
	});
	const ready = <T>(part: T | undefined): T => {
		if (part === undefined) throw new Error('the stage is set in beforeAll');
		return part;
	};
	return { api: () => ready(api), browser: () => ready(browser) };
}
