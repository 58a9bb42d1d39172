/** Widths the user drags: the tree of the waterfall and the dock. Remembered on this machine, not in the URL: they are nobody else's. */

import { type KeyboardEvent, type PointerEvent, useCallback, useState } from 'react';

const KEY_STEP_PX = 16;

export interface Divider {
	readonly widthPx: number;
	readonly onPointerDown: (event: PointerEvent<HTMLElement>) => void;
	readonly onKeyDown: (event: KeyboardEvent) => void;
}

/** The tree takes between an eighth and seven tenths of the pane; by default about a third, at most 420 px, on a phone half. */
export function useDivider(paneWidth: number): Divider {
	return useWidth(
		'throughline.trace.tree',
		Math.max(Math.min(paneWidth * 0.36, 420), Math.min(paneWidth * 0.5, 220)),
		Math.max(paneWidth / 8, 120),
		paneWidth * 0.7,
		1,
	);
}

export function useDockWidth(): Divider {
	return useWidth('throughline.trace.dock', 440, 320, Math.max(innerWidth * 0.6, 300), -1);
}

/** `direction` -1: dragging left makes it wider. */
function useWidth(key: string, fallback: number, min: number, max: number, direction: 1 | -1): Divider {
	const [chosen, setChosen] = useState(() => readWidth(key));
	const widthPx = Math.round(Math.min(Math.max(chosen ?? fallback, min), Math.max(min, max)));
	const choose = useCallback(
		(width: number) => {
			setChosen(width);
			try {
				localStorage.setItem(key, String(Math.round(width)));
			} catch {
				// Storage is off: the width lasts as long as the page.
			}
		},
		[key],
	);
	const onPointerDown = (event: PointerEvent<HTMLElement>): void => {
		if (event.button !== 0) return;
		event.preventDefault();
		const element = event.currentTarget;
		const startX = event.clientX;
		element.setPointerCapture(event.pointerId);
		const onMove = (move: globalThis.PointerEvent): void =>
			choose(Math.min(Math.max(widthPx + direction * (move.clientX - startX), min), max));
		const onEnd = (): void => element.removeEventListener('pointermove', onMove);
		element.addEventListener('pointermove', onMove);
		element.addEventListener('pointerup', onEnd, { once: true });
		element.addEventListener('pointercancel', onEnd, { once: true });
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
		event.preventDefault();
		event.stopPropagation();
		const step = event.key === 'ArrowRight' ? KEY_STEP_PX : -KEY_STEP_PX;
		choose(Math.min(Math.max(widthPx + direction * step, min), max));
	};
	return { widthPx, onPointerDown, onKeyDown };
}

function readWidth(key: string): number | undefined {
	try {
		const width = Number(localStorage.getItem(key) ?? Number.NaN);
		return Number.isFinite(width) && width > 0 ? width : undefined;
	} catch {
		return undefined;
	}
}
