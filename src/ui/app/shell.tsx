/** What every page stands in: rail, top bar, palette; and the border that keeps one broken page from taking the rest down. */

import { Component, type ReactNode, useState } from 'react';
import { Failed } from '../widgets/states.tsx';
import { CommandPalette } from './command-palette.tsx';
import { Rail } from './rail.tsx';
import './shell.css';
import { TopBar } from './top-bar.tsx';
import { useShortcut } from './use-shortcut.ts';

/** `fixed` pages fill the screen and scroll inside; the others scroll as a whole. */
export function Shell({
	title,
	withTime = true,
	fixed = false,
	children,
}: {
	title: ReactNode;
	withTime?: boolean;
	fixed?: boolean;
	children: ReactNode;
}) {
	const [palette, setPalette] = useState(false);
	useShortcut('k', () => setPalette((open) => !open), { mod: true, inFields: true });
	return (
		<div className="shell">
			<a className="shell__skip" href="#content">
				Skip to content
			</a>
			<Rail />
			<TopBar title={title} withTime={withTime} onPalette={() => setPalette(true)} />
			<main id="content" className={fixed ? 'page page--fixed' : 'page'} tabIndex={-1}>
				<PageBorder>{children}</PageBorder>
			</main>
			{palette && <CommandPalette onClose={() => setPalette(false)} />}
		</div>
	);
}

class PageBorder extends Component<{ children: ReactNode }, { error: unknown }> {
	override state: { error: unknown } = { error: undefined };

	static getDerivedStateFromError(error: unknown): { error: unknown } {
		return { error };
	}

	override render(): ReactNode {
		if (this.state.error === undefined) return this.props.children;
		return <Failed what="this page" error={this.state.error} onRetry={() => this.setState({ error: undefined })} />;
	}
}
