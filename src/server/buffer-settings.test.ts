import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bufferKeys } from './buffer-settings.ts';
import { loadConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'throughline-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const secret = (fill: number): string => Buffer.alloc(32, fill).toString('base64');
const keysOf = (env: Readonly<Record<string, string>>) => bufferKeys(loadConfig({ env, flags: {} }));

test('keys come from the environment or from a file, and not from both', () => {
	const file = join(folder, 'keys');
	writeFileSync(file, `# the new one first\nnew:${secret(1)}\n\nold:${secret(2)}\n`);
	const fromEnvironment = keysOf({ THROUGHLINE_BUFFER_ENCRYPTION_KEYS: `new:${secret(1)}, old:${secret(2)}` });
	expect(fromEnvironment.writing).toBe('new');
	expect(keysOf({ THROUGHLINE_BUFFER_ENCRYPTION_KEY_FILE: file })).toEqual(fromEnvironment);
	expect(keysOf({}).writing).toBeUndefined();
	expect(() => keysOf({ THROUGHLINE_BUFFER_ENCRYPTION_KEYS: 'a', THROUGHLINE_BUFFER_ENCRYPTION_KEY_FILE: file })).toThrow(/not both/);
});

test('a wrong key is told by its place, never by its text', () => {
	const file = join(folder, 'wrong');
	writeFileSync(file, `new:${secret(1).slice(4)}\n`);
	expect(() => keysOf({ THROUGHLINE_BUFFER_ENCRYPTION_KEY_FILE: file })).toThrow(/key 1 is not/);
	expect(() => keysOf({ THROUGHLINE_BUFFER_ENCRYPTION_KEYS: secret(3) })).toThrow(/^buffer\.encryption\.keys: key 1 is not [^A]*$/);
	writeFileSync(file, '# nothing\n');
	expect(() => keysOf({ THROUGHLINE_BUFFER_ENCRYPTION_KEY_FILE: file })).toThrow(/no key/);
	expect(() => keysOf({ THROUGHLINE_BUFFER_ENCRYPTION_KEY_FILE: join(folder, 'missing') })).toThrow(/cannot read/);
});
