/** A page inside the shell: its content, its title in the top bar, and whether the time range concerns it. */

import { createContext, type ReactNode, useContext, useLayoutEffect } from 'react';
import { createPortal } from 'react-dom';

export interface FrameOptions {
	readonly withTime: boolean;
}

interface FrameValue {
	/** Where titles are drawn; null until the top bar is there. */
	readonly titleSlot: HTMLElement | null;
	readonly setOptions: (options: FrameOptions) => void;
}

/** Given by the shell. */
export const Frame = createContext<FrameValue>({ titleSlot: null, setOptions: () => undefined });

export interface PageProps {
	readonly title: ReactNode;
	readonly withTime?: boolean;
	/** Fills the screen and scrolls inside; other pages scroll as a whole. */
	readonly fixed?: boolean;
	readonly children: ReactNode;
}

export function Page({ title, withTime = true, fixed = false, children }: PageProps) {
	const { titleSlot, setOptions } = useContext(Frame);
	useLayoutEffect(() => setOptions({ withTime }), [setOptions, withTime]);
	return (
		<>
			{titleSlot !== null && createPortal(title, titleSlot)}
			<main id="content" className={fixed ? 'page page--fixed' : 'page'} tabIndex={-1}>
				{children}
			</main>
		</>
	);
}
