/** What every page stands in, and what stays while pages come and go: rail, top bar, palette. */

import { Component, type ComponentType, type ReactNode, useEffect, useState } from 'react';
import { Failed } from '../widgets/states.tsx';
import { Frame, type FrameOptions } from './page.tsx';
import { Rail } from './rail.tsx';
import './shell.css';
import { TopBar } from './top-bar.tsx';
import { useShortcut } from './use-shortcut.ts';

type Palette = ComponentType<{ onClose: () => void }>;

export function Shell({ children }: { children: ReactNode }) {
	const [palette, setPalette] = useState(false);
	const [titleSlot, setTitleSlot] = useState<HTMLElement | null>(null);
	const [options, setOptions] = useState<FrameOptions>({ withTime: false });
	// Fetched once the shell stands, so that Ctrl-K never waits and no key typed right after it is lost.
	const [CommandPalette, setCommandPalette] = useState<Palette>();
	useEffect(() => {
		void import('./command-palette.tsx').then((loaded) => setCommandPalette(() => loaded.CommandPalette));
	}, []);
	useShortcut('k', () => setPalette((open) => !open), { mod: true, inFields: true });
	return (
		<div className="shell">
			<a className="shell__skip" href="#content">
				Skip to content
			</a>
			<Rail />
			<TopBar titleRef={setTitleSlot} withTime={options.withTime} onPalette={() => setPalette(true)} />
			<PageBorder>
				<Frame value={{ titleSlot, setOptions }}>{children}</Frame>
			</PageBorder>
			{palette && CommandPalette !== undefined && <CommandPalette onClose={() => setPalette(false)} />}
		</div>
	);
}

/** Keeps one broken page from taking the rest down. */
class PageBorder extends Component<{ children: ReactNode }, { error: unknown }> {
	override state: { error: unknown } = { error: undefined };

	static getDerivedStateFromError(error: unknown): { error: unknown } {
		return { error };
	}

	override render(): ReactNode {
		if (this.state.error === undefined) return this.props.children;
		return (
			<main id="content" className="page">
				<Failed what="this page" error={this.state.error} onRetry={() => this.setState({ error: undefined })} />
			</main>
		);
	}
}
