/** Providers and routes. Each page is a file of its own, fetched when first visited. */

import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { Route, Switch } from 'wouter';
import { useLocationProperty } from 'wouter/use-browser-location';
import { createQueryClient } from '../data/queries.ts';
import { Skeleton } from '../widgets/states.tsx';
import { NotFound } from './not-found.tsx';
import { pathPart } from './routes.ts';
import { Shell } from './shell.tsx';
import { colorSchemeManager, theme } from './theme.ts';

const OverviewPage = lazy(async () => ({ default: (await import('../panels/overview/overview-page.tsx')).OverviewPage }));
const ServicePage = lazy(async () => ({ default: (await import('../panels/service/service-page.tsx')).ServicePage }));
const ExplorePage = lazy(async () => ({ default: (await import('../panels/explore/explore-page.tsx')).ExplorePage }));
const PipelinePage = lazy(async () => ({ default: (await import('../panels/pipeline/pipeline-page.tsx')).PipelinePage }));
const TracePage = lazy(async () => ({ default: (await import('../trace/trace-page.tsx')).TracePage }));

export function App() {
	const [queryClient] = useState(createQueryClient);
	return (
		<MantineProvider
			theme={theme}
			colorSchemeManager={colorSchemeManager}
			defaultColorScheme="auto"
			// Both would be inline style elements; theme.css holds them instead, so the policy can stay strict.
			withCssVariables={false}
			withGlobalClasses={false}
		>
			<QueryClientProvider client={queryClient}>
				<Shell>
					<Suspense fallback={<Waiting />}>
						<Switch>
							<Route path="/">
								<OverviewPage />
							</Route>
							<Route path="/services/:service">
								<ServiceRoute />
							</Route>
							<Route path="/explore">
								<ExplorePage />
							</Route>
							<Route path="/trace/:traceId">{({ traceId }) => <TracePage key={traceId} traceId={traceId} />}</Route>
							<Route path="/pipeline">
								<PipelinePage />
							</Route>
							<Route>
								<NotFound />
							</Route>
						</Switch>
					</Suspense>
				</Shell>
			</QueryClientProvider>
		</MantineProvider>
	);
}

/** Taken from the address itself: a service may be called `a/b` or `50%`. */
function ServiceRoute() {
	const pathname = useLocationProperty(() => location.pathname);
	const service = pathPart(pathname, 2);
	return <ServicePage key={service} service={service} />;
}

function Waiting() {
	return (
		<main className="page">
			<Skeleton rows={16} />
		</main>
	);
}
