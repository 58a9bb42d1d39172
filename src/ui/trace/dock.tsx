/** Details of the selected span. Numbers come from the trace at hand; attributes, events and the rest are fetched when a span is chosen. */

import { useDebouncedValue } from '@mantine/hooks';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { KeyboardEvent, ReactNode } from 'react';
import type { SpanDetail } from '../../api/contract.ts';
import { DOCK_TABS, type DockTab } from '../app/url-state.ts';
import { spanQuery } from '../data/queries.ts';
import { CopyButton } from '../widgets/copy.tsx';
import { LanguageBadge, ServiceSwatch } from '../widgets/service-name.tsx';
import { Failed, Skeleton } from '../widgets/states.tsx';
import { AttributeList } from './attribute-list.tsx';
import { DockEvents } from './dock-events.tsx';
import { DockLinks } from './dock-links.tsx';
import { DockLogs } from './dock-logs.tsx';
import { DockOverview } from './dock-overview.tsx';
import type { DockProps } from './dock-props.ts';
import './dock.css';
import { nameOf, serviceOf } from './model.ts';

/** A held j or k passes many spans; only where it rests are details fetched. */
const FETCH_AFTER_MS = 90;

const TITLES: Readonly<Record<DockTab, string>> = {
	overview: 'Overview',
	attributes: 'Attributes',
	events: 'Events',
	logs: 'Logs',
	links: 'Links',
	resource: 'Resource',
	raw: 'Raw',
};

export function Dock(props: DockProps) {
	const { view, node } = props;
	const { model, state } = view;
	const spanId = model.response.columns.spanId[node] ?? '';
	const [settledId] = useDebouncedValue(spanId, FETCH_AFTER_MS);
	const query = useQuery(spanQuery(model.response.traceId, settledId));
	const detail = query.data?.spanId === spanId ? query.data : undefined;
	const { service, language } = serviceOf(model, node);
	return (
		<div className="dock">
			<header className="dock__head">
				<div className="dock__title">
					<ServiceSwatch service={service} />
					<span className="quiet ellipsis">{service}</span>
					<LanguageBadge language={language} />
					<button
						type="button"
						className="button button--quiet button--square dock__close"
						onClick={view.close}
						aria-label="Close details"
						title="Close (Esc)"
					>
						<IconX size={14} aria-hidden="true" />
					</button>
				</div>
				<h3 className="dock__name">{nameOf(model, node)}</h3>
			</header>
			<Tabs tab={state.tab} counts={countsOf(props, detail)} onTab={(tab) => view.change({ tab })} />
			<div className="dock__panel" role="tabpanel" id="dock-panel" aria-labelledby={`dock-tab-${state.tab}`} tabIndex={-1}>
				<Panel
					{...props}
					tab={state.tab}
					detail={detail}
					waiting={query.isPending || settledId !== spanId}
					error={query.error}
					onRetry={() => void query.refetch()}
				/>
			</div>
		</div>
	);
}

function countsOf({ view, node, logs }: DockProps, detail: SpanDetail | undefined): Partial<Record<DockTab, number>> {
	const { model } = view;
	const spanId = model.response.columns.spanId[node];
	return {
		...(detail === undefined ? {} : { attributes: detail.attributes.length, resource: detail.resource.length }),
		events: (model.eventOffset[node + 1] as number) - (model.eventOffset[node] as number),
		logs: logs.length,
		links: (model.response.columns.linkCount[node] ?? 0) + model.response.linkedFrom.filter((link) => link.linkedSpanId === spanId).length,
	};
}

function Tabs({ tab, counts, onTab }: { tab: DockTab; counts: Partial<Record<DockTab, number>>; onTab: (tab: DockTab) => void }) {
	const onKeyDown = (event: KeyboardEvent): void => {
		const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
		if (step === 0) return;
		event.preventDefault();
		const next = DOCK_TABS[(DOCK_TABS.indexOf(tab) + step + DOCK_TABS.length) % DOCK_TABS.length] as DockTab;
		onTab(next);
		document.getElementById(`dock-tab-${next}`)?.focus();
	};
	return (
		<div className="dock__tabs" role="tablist" aria-label="Span details" onKeyDown={onKeyDown}>
			{DOCK_TABS.map((one) => (
				<button
					key={one}
					id={`dock-tab-${one}`}
					type="button"
					role="tab"
					aria-selected={one === tab}
					aria-controls="dock-panel"
					tabIndex={one === tab ? 0 : -1}
					onClick={() => onTab(one)}
				>
					{TITLES[one]}
					{(counts[one] ?? 0) > 0 && <span className="dock__count">{counts[one]}</span>}
				</button>
			))}
		</div>
	);
}

interface PanelProps extends DockProps {
	readonly tab: DockTab;
	readonly detail: SpanDetail | undefined;
	readonly waiting: boolean;
	readonly error: unknown;
	readonly onRetry: () => void;
}

function Panel(props: PanelProps): ReactNode {
	const { tab, detail, view, node } = props;
	if (tab === 'logs')
		return <DockLogs model={view.model} logs={props.logs} waiting={props.logsState.isPending} error={props.logsState.error} />;
	if (detail === undefined) {
		const rest =
			props.waiting || props.error === null ? (
				<Skeleton rows={8} label="Loading the span" />
			) : (
				<Failed what="the span" error={props.error} onRetry={props.onRetry} />
			);
		return tab === 'overview' ? (
			<>
				<DockOverview {...props} detail={undefined} />
				{props.waiting ? null : rest}
			</>
		) : (
			rest
		);
	}
	switch (tab) {
		case 'overview':
			return <DockOverview {...props} detail={detail} />;
		case 'attributes':
			return <AttributeList attributes={detail.attributes} dropped={detail.droppedAttributes} what="attributes" />;
		case 'events':
			return <DockEvents model={view.model} node={node} detail={detail} />;
		case 'links':
			return <DockLinks model={view.model} detail={detail} />;
		case 'resource':
			return (
				<>
					<AttributeList attributes={detail.resource} dropped={0} what="resource attributes" />
					<h4 className="dock__heading">Scope</h4>
					<p className="dock__scope code">
						{detail.scope.name === '' ? 'no instrumentation scope' : `${detail.scope.name} ${detail.scope.version}`}
					</p>
					{detail.scope.attributes.length > 0 && <AttributeList attributes={detail.scope.attributes} dropped={0} what="scope attributes" />}
				</>
			);
		case 'raw':
			return <Raw detail={detail} />;
		default:
			return tab satisfies never;
	}
}

function Raw({ detail }: { detail: SpanDetail }) {
	const json = JSON.stringify(detail, undefined, 2);
	return (
		<div className="dock__raw">
			<CopyButton text={json} label="Copy JSON">
				Copy JSON
			</CopyButton>
			<pre className="code">{json}</pre>
		</div>
	);
}
