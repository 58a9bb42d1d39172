/**
 * House rules no linter knows: file sizes, opening comments, words that must not be in the repository, folders without a name.
 * Exceptions stand here with their reason, and the list only shrinks.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const LINES_MAX = 600;

/** File -> why it may pass LINES_MAX. */
const LONG: Readonly<Record<string, string>> = {};

const CODE = /\.(ts|tsx|go|rs)$/;
const GENERATED = /@generated|Code generated .* DO NOT EDIT/;

interface Rule {
	readonly name: string;
	readonly pattern: RegExp;
	readonly files: RegExp;
}

const FORBIDDEN: readonly Rule[] = [
	{ name: 'an unfinished promise', pattern: /\b(TODO|FIXME|XXX|HACK)\b/, files: CODE },
	{ name: 'a focused test', pattern: /\b(test|describe|it)\.only\(/, files: CODE },
	{ name: 'a silenced type check', pattern: /@ts-(ignore|expect-error|nocheck)/, files: CODE },
	{
		name: 'a machine path',
		pattern: new RegExp(`(?<![\\w.])/(${['work', 'root', 'home'].join('|')})/(main|shared|\\.|[a-z]+/)`),
		files: /./,
	},
	{
		name: 'a registry host',
		pattern: new RegExp(['registry\\.npm' + 'js', 'proxy\\.gol' + 'ang', 'pypi\\.o' + 'rg'].join('|')),
		files: /./,
	},
	{
		name: 'OpenTelemetry past the kit', // the shop shows what a service needs, and that is the kits
		pattern: /go\.opentelemetry\.io|opentelemetry_sdk|^opentelemetry/,
		files: /^examples\/shop\/(go\/.*\.go|rust\/.*\.(rs|toml))$/,
	},
	{ name: 'a room without a name', pattern: /from '[^']*\/(utils|helpers|common|shared)(\/|\.ts)/, files: /\.tsx?$/ },
];

/** Every breach among the files git knows below `root`. */
export function tidyBreaches(root: string): string[] {
	const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
		cwd: root,
		encoding: 'utf8',
		maxBuffer: 64 << 20,
	});
	const breaches: string[] = [];
	for (const file of listed.split('\n')) {
		if (file === '' || !existsSync(join(root, file)) || /\.(png|gz|zst|bin|woff2|ico|native|seg)$/.test(file)) continue;
		const text = readFileSync(join(root, file), 'utf8');
		breaches.push(...fileBreaches(file, text));
	}
	return breaches;
}

export function fileBreaches(file: string, text: string): string[] {
	const breaches: string[] = [];
	const lines = text.split('\n');
	if (CODE.test(file) && !GENERATED.test(text.slice(0, 500))) {
		if (lines.length > LINES_MAX && LONG[file] === undefined)
			breaches.push(`${file}: ${lines.length} lines; split it by idea (limit ${LINES_MAX})`);
		if (/^src\/.*\.ts$/.test(file) && !file.endsWith('.test.ts') && !/^(#!.*\n)?\s*\/\*\*/.test(text))
			breaches.push(`${file}: opens without a comment saying why it exists`);
	}
	for (const rule of FORBIDDEN) {
		if (!rule.files.test(file) || file === 'tools/check/tidy.ts' || file === 'tools/check/tidy.test.ts') continue;
		const at = lines.findIndex((line) => rule.pattern.test(line));
		if (at >= 0) breaches.push(`${file}:${at + 1}: ${rule.name}: ${lines[at]?.trim().slice(0, 100)}`);
	}
	return breaches;
}

/** The guides of both languages have the same chapters in the same order, so that a mixed team can read them side by side. */
export function guideBreaches(go: string, rust: string): string[] {
	const chapters = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('## '));
	const [ofGo, ofRust] = [chapters(go), chapters(rust)];
	const at = ofGo.findIndex((chapter, i) => chapter !== ofRust[i]);
	if (at < 0 && ofGo.length === ofRust.length) return [];
	const from = at < 0 ? ofGo.length : at;
	return [`docs/guide-go.md and docs/guide-rust.md differ in chapter ${from + 1}: ${ofGo[from] ?? 'none'} and ${ofRust[from] ?? 'none'}`];
}

if (import.meta.main) {
	const root = resolve(import.meta.dirname, '../..');
	const guide = (language: string): string => readFileSync(join(root, `docs/guide-${language}.md`), 'utf8');
	const breaches = [...tidyBreaches(root), ...guideBreaches(guide('go'), guide('rust'))];
	for (const breach of breaches) console.error(breach);
	if (breaches.length > 0) process.exit(1);
	console.log('tidy: sizes, openings and words are in order');
}
