import { expect, test } from 'vitest';
import { parseFlags } from './settings.ts';

test('a flag takes the next word or what follows =', () => {
	expect(parseFlags(['--api.port', '1', '--api.host=a=b'])).toEqual({ 'api.port': '1', 'api.host': 'a=b' });
});

test('a word that is no flag is a mistyped command, not a setting', () => {
	expect(() => parseFlags(['bogus'])).toThrow("'bogus' is neither a command nor a flag");
});

test('a flag without its value is a mistake, even with another flag behind it', () => {
	expect(() => parseFlags(['--api.port', '--api.host', 'x'])).toThrow('--api.port needs a value');
	expect(() => parseFlags(['--api.port'])).toThrow('--api.port needs a value');
	expect(parseFlags(['--storage.clickhouse.password='])).toEqual({ 'storage.clickhouse.password': '' });
});
