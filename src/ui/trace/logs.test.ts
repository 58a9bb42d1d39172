import { expect, test } from 'vitest';
import type { LogRecord } from '../../api/contract.ts';
import { groupLogs, severityOf } from './logs.ts';
import { buildTrace } from './model.ts';
import { sketch } from './sketch.ts';

const log = (spanId: string, offsetNs: bigint): LogRecord => ({
	timeNs: String(1_764_000_000_000_000_000n + offsetNs),
	service: 'web',
	severityNumber: 9,
	severityText: 'INFO',
	eventName: '',
	body: 'x',
	traceId: '',
	spanId,
	attributes: [],
});

test('logs find their span; those of no span of the trace are left to the list', () => {
	const model = buildTrace(
		sketch(`
			a - web GET 0+100
			b a db SELECT 10+20
		`),
	);
	const { offsets, records } = groupLogs(model, [log('b', 25n), log('b', 12n), log('gone', 5n), log('', 5n)]);
	expect(offsets.get(1)).toEqual([12, 25]);
	expect(records.get(1)).toHaveLength(2);
	expect(offsets.size).toBe(1);
});

test('severity follows the OTLP numbers', () => {
	expect([0, 1, 4, 5, 9, 13, 17, 21, 24, 25].map(severityOf)).toEqual([
		'unset',
		'trace',
		'trace',
		'debug',
		'info',
		'warn',
		'error',
		'fatal',
		'fatal',
		'unset',
	]);
});
