import { expect, test } from 'vitest';
import { parseFlags } from './settings.ts';

test('a flag takes the next word or what follows =', () => {
	expect(parseFlags(['--api.port', '1', '--api.host=a=b'])).toEqual({ 'api.port': '1', 'api.host': 'a=b' });
});

test('a word that is no flag is a mistyped command, not a setting', () => {
	expect(() => parseFlags(['bogus'])).toThrow("'bogus' is neither a command nor a flag");
});
