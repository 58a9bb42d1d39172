/** The rail at the left, at the bottom on a phone. Only pages that exist stand in it. */

import { IconArrowsSplit2, IconLayoutDashboard, IconListSearch } from '@tabler/icons-react';
import { Link, useLocation } from 'wouter';
import { explorePath, overviewPath, pipelinePath } from './routes.ts';
import { useSearch } from './use-url.ts';

export const PAGES = [
	{
		name: 'Overview',
		Icon: IconLayoutDashboard,
		href: overviewPath,
		owns: (path: string) => path === '/' || path.startsWith('/services/'),
	},
	{
		name: 'Explore',
		Icon: IconListSearch,
		href: (search: string) => explorePath(search),
		owns: (path: string) => path === '/explore' || path.startsWith('/trace/'),
	},
	{
		name: 'Pipeline',
		Icon: IconArrowsSplit2,
		href: pipelinePath,
		owns: (path: string) => path === '/pipeline',
	},
] as const;

export function Rail() {
	const [path] = useLocation();
	const search = useSearch();
	return (
		<nav className="rail" aria-label="Pages">
			<Link href={overviewPath(search)} className="rail__logo" aria-label="Throughline">
				<img src="/favicon.svg" width={24} height={24} alt="" />
			</Link>
			{PAGES.map(({ name, Icon, href, owns }) => (
				<Link key={name} href={href(search)} className="rail__link" aria-current={owns(path) ? 'page' : undefined}>
					<Icon size={20} stroke={1.6} aria-hidden="true" />
					{name}
				</Link>
			))}
		</nav>
	);
}
