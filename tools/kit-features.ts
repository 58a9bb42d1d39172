/**
 * `make kit-features`: the Rust kit with each of its features alone, and with none. People take the one they need, and Cargo hides
 * what a feature lacks as long as another one, or a test, happens to bring it.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const manifest = readFileSync(join(root, 'kits/rust/Cargo.toml'), 'utf8');
const section = /^\[features\]\n([^[]*(?:\[[^\n]*\][^[]*)*?)^\[/m.exec(manifest)?.[1] ?? '';
const features = [...section.matchAll(/^([a-z-]+) = /gm)].map((match) => match[1]).filter((name) => name !== 'default');

let failed = 0;
for (const feature of ['', ...features]) {
	const args = ['check', '--locked', '--quiet', '-p', 'throughline', '--no-default-features', '--features', feature ?? ''];
	const { status, stderr } = spawnSync('cargo', args, { cwd: root, encoding: 'utf8' });
	const ok = status === 0 && stderr === '';
	console.log(`${ok ? 'ok  ' : 'FAIL'} ${feature === '' ? 'no feature' : feature}`);
	if (!ok) failed++;
	if (!ok) console.log(stderr);
}
if (features.length < 10) throw new Error(`only ${features.length} features were found in kits/rust/Cargo.toml`);
process.exit(failed > 0 ? 1 : 0);
