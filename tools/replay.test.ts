import { expect, test } from 'vitest';
import { shift } from './replay.ts';

const text = JSON.stringify({
	spans: [
		{
			traceId: '5b8efff798038103d269b633813fc60c',
			spanId: 'eee19b7ec3c1b174',
			startTimeUnixNano: '1544712660000000001',
			endTimeUnixNano: '0',
		},
	],
	points: [{ timeUnixNano: '1544712660000000002', observedTimeUnixNano: '1544712660000000003' }],
});

test('replayed times move to now, to the nanosecond, and absent times stay absent', () => {
	const shifted = shift(text, 1500, 1);
	expect(shifted).toContain('"startTimeUnixNano":"1544712661500000001"');
	expect(shifted).toContain('"timeUnixNano":"1544712661500000002"');
	expect(shifted).toContain('"observedTimeUnixNano":"1544712661500000003"');
	expect(shifted).toContain('"endTimeUnixNano":"0"');
});

test('each round is new traces, and spans keep their ids', () => {
	const ids = [1, 2].map((round) => /"traceId":"(\w+)"/.exec(shift(text, 0, round))?.[1]);
	expect(new Set(ids).size).toBe(2);
	expect(shift(text, 0, 1)).toContain('"spanId":"eee19b7ec3c1b174"');
});
