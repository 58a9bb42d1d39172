/** Keys of a page. Typing in a field is never a shortcut, unless the shortcut says so. */

import { useEffect } from 'react';
import { useLatest } from './use-latest.ts';

export interface ShortcutOptions {
	/** With Ctrl, or Cmd on a Mac. */
	readonly mod?: boolean;
	/** Also while typing in a field. */
	readonly inFields?: boolean;
}

export function isTyping(target: EventTarget | null): boolean {
	return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** One key of the whole page; `key` is KeyboardEvent.key, compared in lower case. */
export function useShortcut(key: string, run: () => void, options: ShortcutOptions = {}): void {
	const latest = useLatest(run);
	const { mod = false, inFields = false } = options;
	useEffect(() => {
		const onKeyDown = (event: KeyboardEvent): void => {
			if (event.key.toLowerCase() !== key || (event.ctrlKey || event.metaKey) !== mod || event.altKey) return;
			if (!inFields && isTyping(event.target)) return;
			event.preventDefault();
			latest.current();
		};
		addEventListener('keydown', onKeyDown);
		return () => removeEventListener('keydown', onKeyDown);
	}, [key, mod, inFields, latest]);
}
