import { expect, test } from 'vitest';
import { Failure } from '../base/errors.ts';
import type { SealedSegment } from '../buffer/buffer.ts';
import type { Store } from '../store/client.ts';
import { segmentLoader } from './load-segments.ts';
import { collectMetrics } from './metrics.ts';

const segment: SealedSegment = {
	id: 'segment',
	createdMs: 0,
	bytes: 2,
	rows: new Map([
		['spans_live', 3],
		['logs_live', 4],
	]),
	read: () =>
		Promise.resolve(
			new Map([
				['spans_live', [{ table: 'spans_live', sequence: 0, rows: 3, payload: new Uint8Array(1) }]],
				['logs_live', [{ table: 'logs_live', sequence: 1, rows: 4, payload: new Uint8Array(1) }]],
			]),
		),
};

test('rows of a segment that is loaded again after half of it failed are counted once', async () => {
	const inserted: string[] = [];
	const fakeStore: Pick<Store, 'insert'> = {
		insert(sql) {
			inserted.push(/INTO (\w+)/.exec(sql)?.[1] ?? '');
			return inserted.length === 2 ? Promise.reject(new Failure('unavailable', 'the engine died')) : Promise.resolve();
		},
	};
	const metrics = collectMetrics();
	const load = segmentLoader(fakeStore as Store, metrics);
	const { signal } = new AbortController();
	await expect(load(segment, signal)).rejects.toThrow('the engine died');
	await load(segment, signal);
	expect(inserted).toEqual(['spans_live', 'logs_live', 'spans_live', 'logs_live']);
	const text = await metrics.text();
	expect(text).toContain('throughline_store_rows_total{table="spans_live"} 3\n');
	expect(text).toContain('throughline_store_rows_total{table="logs_live"} 4\n');
});
