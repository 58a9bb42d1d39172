/** Where the details stand: beside the waterfall, or on a phone in a sheet over its lower part. */

import { Drawer } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Divider } from './use-divider.ts';

export interface DockPlaceProps {
	readonly open: boolean;
	readonly narrow: boolean;
	readonly divider: Divider;
	readonly onClose: () => void;
	readonly children: ReactNode;
}

export function DockPlace({ open, narrow, divider, onClose, children }: DockPlaceProps) {
	if (narrow)
		return (
			<Drawer
				opened={open}
				onClose={onClose}
				position="bottom"
				size="72%"
				withCloseButton={false}
				padding={0}
				lockScroll={false}
				transitionProps={{ duration: 120 }}
				aria-label="Span details"
			>
				{children}
			</Drawer>
		);
	if (!open) return null;
	return (
		<aside className="trace__dock" aria-label="Span details">
			<div
				className="trace__dock-divider"
				role="separator"
				aria-orientation="vertical"
				aria-label="Width of the details"
				aria-valuenow={divider.widthPx}
				tabIndex={0}
				onPointerDown={divider.onPointerDown}
				onKeyDown={divider.onKeyDown}
			/>
			{children}
		</aside>
	);
}
