import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Failure } from '../base/errors.ts';
import { createLog } from './log.ts';

function logged(field: 'error' | 'err', error: unknown): Record<string, unknown> {
	const stream = new PassThrough();
	createLog({ level: 'info' }, stream).warn({ [field]: error }, 'cannot load a segment');
	return JSON.parse(String(stream.read())) as Record<string, unknown>;
}

test.each(['error', 'err'] as const)('an error logged as `%s` keeps what it says, its code and its cause', (field) => {
	const failure = new Failure('unavailable', 'cannot reach the database', { hint: 'start it', cause: new Error('connection refused') });
	expect(logged(field, failure)[field]).toMatchObject({
		message: expect.stringMatching(/cannot reach the database: connection refused/) as string,
		code: 'unavailable',
		hint: 'start it',
		stack: expect.stringContaining('log.test.ts') as string,
	});
});

test('something thrown that is no error is logged as it is', () => {
	expect(logged('error', 'a text').error).toBe('a text');
});
