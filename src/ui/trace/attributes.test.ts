import { expect, test } from 'vitest';
import type { Attribute } from '../../api/contract.ts';
import { groupAttributes } from './attributes.ts';

const attribute = (key: string, value = ''): Attribute => ({ key, value, type: 'string' });
const all = [attribute('http.route', '/orders'), attribute('peer'), attribute('db.system', 'postgresql'), attribute('http.method', 'GET')];

test('keys stand under their namespace, in order', () => {
	expect(groupAttributes(all, '').map(({ namespace, attributes }) => [namespace, attributes.map(({ key }) => key)])).toEqual([
		['', ['peer']],
		['db', ['db.system']],
		['http', ['http.method', 'http.route']],
	]);
});

test('a search looks at keys and values', () => {
	expect(groupAttributes(all, 'POSTGRES').map(({ namespace }) => namespace)).toEqual(['db']);
	expect(groupAttributes(all, 'http get').flatMap(({ attributes }) => attributes.map(({ key }) => key))).toEqual(['http.method']);
});
