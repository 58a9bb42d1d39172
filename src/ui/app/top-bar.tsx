/** The bar at the top: where you are, whether data arrives, the time looked at, the palette, the theme. */

import { Menu, useMantineColorScheme } from '@mantine/core';
import { IconDeviceDesktop, IconMoon, IconSearch, IconSun } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { Ref } from 'react';
import { statusQuery } from '../data/queries.ts';
import { dateTime, relativeTime } from '../widgets/format.ts';
import { TimeRangePicker } from './time-range-picker.tsx';
import { useNow } from './use-now.ts';

/** Data older than this is no longer called live. */
const FRESH_MS = 60_000;

export interface TopBarProps {
	/** The page draws its title here. */
	readonly titleRef: Ref<HTMLHeadingElement>;
	readonly withTime: boolean;
	readonly onPalette: () => void;
}

export function TopBar({ titleRef, withTime, onPalette }: TopBarProps) {
	return (
		<header className="top-bar">
			<h1 ref={titleRef} className="top-bar__title ellipsis" />
			<Freshness />
			<div className="top-bar__tools">
				{withTime && <TimeRangePicker />}
				<button
					type="button"
					className="button top-bar__search"
					onClick={onPalette}
					aria-label="Search and commands"
					title="Search and commands (Ctrl K)"
				>
					<IconSearch size={14} aria-hidden="true" />
					<span className="top-bar__search-text">Search</span>
					<kbd className="kbd">{/Mac|iPhone|iPad/.test(navigator.platform) ? '⌘K' : 'Ctrl K'}</kbd>
				</button>
				<ThemeMenu />
			</div>
		</header>
	);
}

function Freshness() {
	const { data, isError } = useQuery(statusQuery());
	const nowMs = useNow(5000);
	if (isError)
		return (
			<span className="freshness" data-state="down" role="status">
				Platform does not answer
			</span>
		);
	if (data === undefined || !data.hasData || data.lastSpanMs === null) return null;
	const fresh = nowMs - data.lastSpanMs < FRESH_MS;
	return (
		<span className="freshness" data-state={fresh ? 'live' : 'stale'} title={`Newest stored span started ${dateTime(data.lastSpanMs)}`}>
			<span className="freshness__text">Last span</span>
			<span className="freshness__text">{relativeTime(Math.min(data.lastSpanMs, nowMs), nowMs)}</span>
		</span>
	);
}

const SCHEMES = [
	{ value: 'light', label: 'Light', Icon: IconSun },
	{ value: 'dark', label: 'Dark', Icon: IconMoon },
	{ value: 'auto', label: 'Like the system', Icon: IconDeviceDesktop },
] as const;

function ThemeMenu() {
	const { colorScheme, setColorScheme } = useMantineColorScheme();
	const current = SCHEMES.find((scheme) => scheme.value === colorScheme) ?? SCHEMES[2];
	return (
		<Menu position="bottom-end" width={180} transitionProps={{ duration: 80 }}>
			<Menu.Target>
				<button
					type="button"
					className="button button--quiet button--square"
					aria-label={`Theme: ${current.label}`}
					title={`Theme: ${current.label}`}
				>
					<current.Icon size={16} aria-hidden="true" />
				</button>
			</Menu.Target>
			<Menu.Dropdown>
				{SCHEMES.map(({ value, label, Icon }) => (
					<Menu.Item
						key={value}
						leftSection={<Icon size={14} aria-hidden="true" />}
						rightSection={value === colorScheme ? <span className="quiet">current</span> : undefined}
						onClick={() => setColorScheme(value)}
					>
						{label}
					</Menu.Item>
				))}
			</Menu.Dropdown>
		</Menu>
	);
}
