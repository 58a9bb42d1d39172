/** `make check`: every rule that can be judged without running the product, each with its time; all run, then the verdict. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface Step {
	readonly name: string;
	readonly command: readonly [string, ...string[]];
	readonly folder?: string;
	/** Printing anything means failure (gofmt -l). */
	readonly silent?: boolean;
}

const GENERATED_RUST = 'examples/shop/rust/base/src/shop_v1.rs';
const root = resolve(import.meta.dirname, '../..');
const has = (tool: string) => spawnSync('which', [tool], { stdio: 'ignore' }).status === 0;
const goModules = ['kits/go', 'examples/shop/go', 'test/senders/go', 'conformance/probes/go', 'bench/kits/go', 'bench/ingest/load'].filter(
	(folder) => existsSync(join(root, folder, 'go.mod')),
);

const steps: Step[] = [
	{ name: 'layers', command: ['node', 'tools/check/layers.ts'] },
	{ name: 'tidy', command: ['node', 'tools/check/tidy.ts'] },
	{ name: 'format', command: ['biome', 'check', '.'] },
	{ name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
	{ name: 'types', command: ['tsc', '-p', '.'] },
];
if (has('go')) {
	steps.push({ name: 'gofmt', command: ['gofmt', '-l', ...goModules], silent: true });
	for (const folder of goModules) steps.push({ name: `go vet ${folder}`, command: ['go', 'vet', './...'], folder });
	steps.push({ name: 'staticcheck kits/go', command: ['go', 'tool', 'staticcheck', './...'], folder: 'kits/go' });
}
if (has('cargo') && existsSync(join(root, 'Cargo.toml'))) {
	steps.push({ name: 'rustfmt', command: ['cargo', 'fmt', '--all', '--check'] });
	steps.push({ name: 'rustfmt bench/kits/rust', command: ['cargo', 'fmt', '--check'], folder: 'bench/kits/rust' });
	steps.push({
		name: 'clippy',
		command: ['cargo', 'clippy', '--locked', '--quiet', '--workspace', '--all-targets', '--all-features', '--', '-D', 'warnings'],
	});
	steps.push({
		name: 'rustdoc',
		command: ['cargo', 'rustdoc', '--locked', '--quiet', '-p', 'throughline', '--all-features', '--', '-D', 'warnings'],
	});
	if (has('go')) steps.push({ name: 'generated names are up to date', command: ['node', 'tools/generate.ts', '--check'] });
	steps.push({
		name: 'generated Rust is up to date',
		command: [
			'bash',
			'-c',
			`cargo run --locked --quiet -p shop-base --all-features --bin shop-codegen && git diff --exit-code -- ${GENERATED_RUST}`,
		],
	});
}

let failed = 0;
for (const step of steps) {
	const startedMs = Date.now();
	const [command, ...args] = step.command;
	const result = spawnSync(command, args, { cwd: join(root, step.folder ?? '.'), encoding: 'utf8', maxBuffer: 64 << 20 });
	const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
	const ok = result.status === 0 && !(step.silent === true && output !== '');
	console.log(`${ok ? 'ok  ' : 'FAIL'} ${step.name} (${((Date.now() - startedMs) / 1000).toFixed(1)} s)`);
	if (ok) continue;
	failed++;
	console.log(output.split('\n').slice(-60).join('\n'));
}
if (failed > 0) {
	console.log(`check: ${failed} of ${steps.length} failed`);
	process.exit(1);
}
console.log(`check: all ${steps.length} hold`);
