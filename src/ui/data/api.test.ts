import { expect, test } from 'vitest';
import { PATHS as CONTRACT } from '../../api/contract.ts';
import { apiUrl, PATHS } from './api.ts';

test('the paths are those of the contract', () => expect(CONTRACT).toMatchObject(PATHS));

test('names are escaped, lists repeat, empty values vanish', () => {
	expect(apiUrl(PATHS.operations, { service: 'a/b c' })).toBe('/api/v1/services/a%2Fb%20c/operations');
	expect(apiUrl(PATHS.traces, {}, { service: 'orders', attribute: ['a=1', 'b=x y'], operation: undefined, status: '', limit: 50 })).toBe(
		'/api/v1/traces?service=orders&attribute=a%3D1&attribute=b%3Dx+y&limit=50',
	);
});
