import { expect, test } from 'vitest';
import { parseAttributeFilters } from './attribute-filter.ts';

test.each([
	['http.route=/cart', 'http.route', '/cart'],
	['query=a=b&c=d', 'query', 'a=b&c=d'],
	['empty=', 'empty', ''],
	[' padded =x ', 'padded', 'x '],
	['"a=b"=c', 'a=b', 'c'],
	['"say \\"hi\\""=x', 'say "hi"', 'x'],
	["it's=ünïcödé ✓", "it's", 'ünïcödé ✓'],
	["x') OR 1=1 --", "x') OR 1", '1 --'],
])('%s', (text, key, value) => {
	expect(parseAttributeFilters([text])).toEqual([{ key, value }]);
});

test.each(['', 'key', '=value', ' =value', '""=value'])('%s is refused with how to write it', (text) => {
	expect(() => parseAttributeFilters([text])).toThrow('is not key=value');
});

test('limits are named', () => {
	expect(() => parseAttributeFilters([`${'k'.repeat(300)}=v`])).toThrow('too long');
	expect(() => parseAttributeFilters(Array<string>(21).fill('a=b'))).toThrow('at most 20');
});
