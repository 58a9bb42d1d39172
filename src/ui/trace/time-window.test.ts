import { expect, test } from 'vitest';
import { clampWindow, isFull, panWindow, ticks, zoomWindow } from './time-window.ts';

test('zooming keeps the anchor in place', () => {
	const zoomed = zoomWindow({ from: 0, to: 1000 }, 0.5, 250, 1000);
	expect(zoomed).toEqual({ from: 125, to: 625 });
	expect((250 - zoomed.from) / (zoomed.to - zoomed.from)).toBeCloseTo(0.25);
});

test('the window never leaves the trace nor vanishes', () => {
	expect(panWindow({ from: 800, to: 1000 }, 0.5, 1000)).toEqual({ from: 800, to: 1000 });
	expect(zoomWindow({ from: 0, to: 1000 }, 4, 500, 1000)).toEqual({ from: 0, to: 1000 });
	const tiny = zoomWindow({ from: 0, to: 1000 }, 1e-9, 500, 1000);
	expect(tiny.to - tiny.from).toBe(10);
	expect(clampWindow({ from: 5, to: 5 }, 3)).toEqual({ from: 0, to: 3 });
	expect(isFull({ from: 0, to: 1000 }, 1000)).toBe(true);
});

test('ticks are round and inside', () => {
	expect(ticks({ from: 0, to: 1000 }, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
	expect(ticks({ from: 130, to: 330 }, 4)).toEqual([150, 200, 250, 300]);
	expect(ticks({ from: 5, to: 5 }, 4)).toEqual([]);
});
