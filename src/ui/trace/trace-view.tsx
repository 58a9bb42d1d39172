/** The trace page once the trace is here: header, minimap, waterfall or logs, and the dock at the right (a sheet on a phone). */

import { Drawer } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { traceLogsQuery } from '../data/queries.ts';
import { Notice } from '../widgets/states.tsx';
import { criticalPath } from './critical-path.ts';
import { Dock } from './dock.tsx';
import { KeysHelp } from './keys-help.tsx';
import { groupLogs } from './logs.ts';
import { Minimap } from './minimap.tsx';
import type { TraceModel } from './model.ts';
import { SpanSummary } from './span-summary.tsx';
import { TraceHeader } from './trace-header.tsx';
import { TraceLogs } from './trace-logs.tsx';
import { TraceTools } from './trace-tools.tsx';
import { useDockWidth } from './use-divider.ts';
import { treeKey, useTraceKeys } from './use-trace-keys.ts';
import { useTraceView } from './use-trace-view.ts';
import { Waterfall } from './waterfall.tsx';

export function TraceView({ model, onReload }: { model: TraceModel; onReload: () => void }) {
	const view = useTraceView(model);
	const { state, selected } = view;
	const path = useMemo(() => criticalPath(model), [model]);
	const logs = useQuery(traceLogsQuery(model.response.traceId));
	const logsOfSpan = useMemo(() => groupLogs(model, logs.data?.logs ?? []), [model, logs.data]);
	const [hover, setHover] = useState(-1);
	const [help, setHelp] = useState(false);
	const filter = useRef<HTMLInputElement>(null);
	useTraceKeys(view, { filter, help, setHelp });
	const narrow = useMediaQuery('(max-width: 640px)', undefined, { getInitialValueInEffect: false });
	const dockWidth = useDockWidth();
	// A link to a span opens with the span in sight.
	const shownFirst = useRef(false);
	useEffect(() => {
		if (shownFirst.current || selected < 0) return;
		shownFirst.current = true;
		view.show(selected);
	}, [selected, view]);
	const dock = selected >= 0 && (
		<Dock
			key={model.response.traceId}
			view={view}
			path={path}
			node={selected}
			logs={logsOfSpan.records.get(selected) ?? []}
			logsState={logs}
		/>
	);
	return (
		<div className="trace" data-dock={selected >= 0 && !narrow} style={{ ['--dock-width' as string]: `${dockWidth.widthPx}px` }}>
			<div className="trace__top">
				<TraceHeader
					model={model}
					filter={state.filter}
					onFilter={(text) => view.change({ filter: text })}
					onReload={onReload}
					onLinked={(spanId) => {
						const node = model.nodeOfSpan.get(spanId);
						if (node !== undefined) view.select(node, 'links');
					}}
				/>
				{model.response.truncated && (
					<Notice>
						This trace has more spans than can be shown; the earliest {model.spanCount} are here. Durations and counts are those of the part
						shown.
					</Notice>
				)}
				<TraceTools view={view} filterRef={filter} logCount={logs.data?.logs.length} onHelp={() => setHelp(true)} />
			</div>
			<div className="trace__main">
				{state.view === 'logs' ? (
					<TraceLogs view={view} query={logs} />
				) : (
					<>
						<Minimap model={model} window={view.window} onWindow={view.setWindow} />
						<Waterfall
							model={model}
							rows={view.rows}
							path={state.criticalPath ? path : undefined}
							logs={logsOfSpan.offsets}
							window={view.window}
							onWindow={view.setWindow}
							selected={selected}
							collapsed={view.collapsed}
							collapsible={!view.filtered}
							onSelect={view.select}
							onToggle={view.toggle}
							onHover={setHover}
							scroller={view.scroller}
							onKeyDown={(event) => treeKey(event, view)}
						/>
						<SpanSummary view={view} path={path} node={hover} />
					</>
				)}
			</div>
			{!narrow && dock !== false && (
				<aside className="trace__dock" aria-label="Span details">
					<div
						className="trace__dock-divider"
						role="separator"
						aria-orientation="vertical"
						aria-label="Width of the details"
						aria-valuenow={dockWidth.widthPx}
						tabIndex={0}
						onPointerDown={dockWidth.onPointerDown}
						onKeyDown={dockWidth.onKeyDown}
					/>
					{dock}
				</aside>
			)}
			{narrow && (
				<Drawer
					opened={selected >= 0}
					onClose={view.close}
					position="bottom"
					size="72%"
					withCloseButton={false}
					padding={0}
					lockScroll={false}
					transitionProps={{ duration: 120 }}
					aria-label="Span details"
				>
					{dock}
				</Drawer>
			)}
			{help && <KeysHelp onClose={() => setHelp(false)} />}
		</div>
	);
}
