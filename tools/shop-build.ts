/** Builds the shop's services and the test senders where Go and Rust are there; says what is missing where they are not. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** Tools the shop needs that are not on this machine. */
export function missingTools(): string[] {
	return ['go', 'cargo'].filter((tool) => spawnSync(tool, [tool === 'go' ? 'version' : '--version'], { stdio: 'ignore' }).status !== 0);
}

/** Compiles what has changed; the first time takes minutes, and each step says so. Throws when a build fails or `signal` ends it. */
export async function buildShop(options: { tests: boolean; release?: boolean; signal?: AbortSignal }): Promise<void> {
	const step = (what: string, command: string, args: string[], folder: string) => run(what, command, args, folder, options.signal);
	mkdirSync(join(root, 'examples/shop/bin'), { recursive: true });
	await step('Go services of the shop', 'go', ['build', '-o', join(root, 'examples/shop/bin/'), './cmd/...'], 'examples/shop/go');
	if (options.tests)
		await step('Go sender of the tests', 'go', ['build', '-o', join(root, 'examples/shop/bin/senders-go'), '.'], 'test/senders/go');
	if (options.tests) {
		const bin = join(root, 'conformance/bin');
		await step('Go probe of the conformance suite', 'go', ['build', '-o', join(bin, 'probe-go'), '.'], 'conformance/probes/go');
		await step('its backends', 'go', ['build', '-o', join(bin, 'backends'), './backends'], 'conformance/probes/go');
	}
	// The tests run the whole workspace with every feature; building it the same way here compiles everything once.
	const what = options.tests ? ['--workspace', '--all-features'] : ['orders', 'pricing', 'worker'].flatMap((name) => ['-p', name]);
	await step('Rust services of the shop', 'cargo', ['build', '--locked', ...(options.release === true ? ['--release'] : []), ...what], '.');
}

function run(what: string, command: string, args: string[], folder: string, signal: AbortSignal | undefined): Promise<void> {
	const startedMs = Date.now();
	process.stdout.write(`building: ${what} (minutes the first time)\n`);
	return new Promise((settle, fail) => {
		const child = spawn(command, args, { cwd: join(root, folder), stdio: ['ignore', 'inherit', 'inherit'], signal });
		child.once('error', fail);
		child.once('exit', (code) => {
			if (code !== 0) fail(new Error(`${command} ${args.join(' ')} failed with exit code ${code}`));
			else {
				process.stdout.write(`built: ${what} in ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`);
				settle();
			}
		});
	});
}

if (import.meta.main) {
	const missing = missingTools();
	if (missing.length > 0) console.log(`missing: ${missing.join(', ')}; the shop is not built and the tests that need it are skipped`);
	else await buildShop({ tests: true });
}
