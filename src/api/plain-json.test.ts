import { expect, test } from 'vitest';
import { plainJson } from './plain-json.ts';

test.each([
	[
		'a',
		'{"values":[{"stringValue":"x"},{"intValue":"9007199254740993"},{"doubleValue":0.5},{"boolValue":false},{"bytesValue":"AAE="},{}]}',
		'["x",9007199254740993,0.5,false,"AAE=",null]',
	],
	[
		'a',
		'{"values":[{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"k\\"","value":{"stringValue":""}}]}}]}}]}',
		'[[{"k\\"":""}]]',
	],
	['a', '{}', '[]'],
	['m', '{"values":[{"key":"nan","value":{"doubleValue":"NaN"}}]}', '{"nan":"NaN"}'],
	['m', 'not json', 'not json'],
] as const)('%s %s', (letter, text, plain) => {
	expect(plainJson(letter, text)).toBe(plain);
});
