/** An address nothing answers to. */

import { Link } from 'wouter';
import { Empty } from '../widgets/states.tsx';
import { Page } from './page.tsx';
import { explorePath, overviewPath } from './routes.ts';
import { useTitle } from './use-title.ts';
import { useSearch } from './use-url.ts';

export function NotFound() {
	const search = useSearch();
	useTitle('Not found');
	return (
		<Page title="Not found" withTime={false}>
			<Empty
				title="There is no page at this address"
				actions={
					<>
						<Link className="button button--strong" href={overviewPath(search)}>
							Overview
						</Link>
						<Link className="button" href={explorePath(search)}>
							Explore traces
						</Link>
					</>
				}
			>
				The link may be cut short, or point to a page of another version.
			</Empty>
		</Page>
	);
}
