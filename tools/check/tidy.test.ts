import { expect, test } from 'vitest';
import { fileBreaches, guideBreaches } from './tidy.ts';

test('a file past the limit is named', () => {
	expect(fileBreaches('src/base/long.ts', `/** Why. */\n${'x;\n'.repeat(600)}`)).toEqual([expect.stringContaining('split it by idea')]);
	expect(fileBreaches('src/base/short.ts', '/** Why. */\n')).toEqual([]);
});

test('a source file must open with why it exists', () => {
	expect(fileBreaches('src/base/a.ts', 'export const a = 1;\n')).toEqual([expect.stringContaining('opens without a comment')]);
	expect(fileBreaches('src/cli/main.ts', '#!/usr/bin/env node\n/** The command line. */\n')).toEqual([]);
});

test.each([
	['an unfinished promise', 'kits/go/a.go', '// TODO later'],
	['a focused test', 'test/a.test.ts', "test.only('x', () => {});"],
	['a silenced type check', 'test/a.ts', '// @ts-ignore'],
	['OpenTelemetry past the kit', 'examples/shop/go/a.go', 'import "go.opentelemetry.io/otel"'],
	['a room without a name', 'test/a.ts', "import { x } from '../src/utils/x.ts';"],
])('%s is refused', (name, file, text) => {
	expect(fileBreaches(file, text)).toEqual([expect.stringContaining(name)]);
});

test('guides whose chapters differ are told apart', () => {
	expect(guideBreaches('# Go\n## Logs\ntext\n## Metrics\n', '# Rust\n## Logs\n## Metrics\n')).toEqual([]);
	expect(guideBreaches('## Logs\n## Metrics\n', '## Logs\n')).toEqual([expect.stringContaining('chapter 2: ## Metrics and none')]);
	expect(guideBreaches('## Logs\n', '## Metrics\n')).toEqual([expect.stringContaining('chapter 1')]);
});
