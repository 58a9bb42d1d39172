/**
 * `make kit-features`: the Rust kit with each of its features alone, with and without `telemetry`, and with none. People take the one they
 * need, and Cargo hides what a feature lacks as long as another one, or a test, happens to bring it. Then its hooks without `telemetry`.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const manifest = readFileSync(join(root, 'kits/rust/Cargo.toml'), 'utf8');
const section = /^\[features\]\n([^[]*(?:\[[^\n]*\][^[]*)*?)^\[/m.exec(manifest)?.[1] ?? '';
const features = [...section.matchAll(/^([a-z-]+) = /gm)].map((match) => match[1]).filter((name) => name !== 'default');

let failed = 0;
function run(what: string, args: readonly string[]): void {
	const all = [...args, '--locked', '--quiet', '-p', 'throughline', '--no-default-features'];
	const { status, stdout, stderr } = spawnSync('cargo', all, { cwd: root, encoding: 'utf8' });
	const ok = status === 0 && stderr === '';
	console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}`);
	if (!ok) failed++;
	if (!ok) console.log(stdout, stderr);
}

const alone = features.filter((name) => name !== 'telemetry');
run('no feature', ['check']);
for (const feature of alone) run(`${feature} without telemetry`, ['check', '--features', feature ?? '']);
run('telemetry', ['check', '--features', 'telemetry']);
for (const feature of alone) run(feature ?? '', ['check', '--features', `telemetry,${feature}`]);
run('hooks without telemetry', ['test', '--test', 'off']);
if (features.length < 10) throw new Error(`only ${features.length} features were found in kits/rust/Cargo.toml`);
process.exit(failed > 0 ? 1 : 0);
