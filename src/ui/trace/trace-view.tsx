/** The trace page once the trace is here: header, minimap, waterfall or logs, and the dock at the right (a sheet on a phone). */

import { useMediaQuery } from '@mantine/hooks';
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { LogsResponse } from '../../api/contract.ts';
import { useLatest } from '../app/use-latest.ts';
import { traceLogsQuery } from '../data/queries.ts';
import { Notice } from '../widgets/states.tsx';
import { type CriticalPath, criticalPath } from './critical-path.ts';
import { Dock } from './dock.tsx';
import { DockPlace } from './dock-place.tsx';
import { KeysHelp } from './keys-help.tsx';
import { groupLogs, type LogsOfSpans } from './logs.ts';
import { Minimap } from './minimap.tsx';
import type { TraceModel } from './model.ts';
import { SpanSummary } from './span-summary.tsx';
import { TraceHeader } from './trace-header.tsx';
import { TraceLogs } from './trace-logs.tsx';
import { TraceTools } from './trace-tools.tsx';
import { useDockWidth } from './use-divider.ts';
import { treeKey, useTraceKeys } from './use-trace-keys.ts';
import { type TraceViewModel, useTraceView } from './use-trace-view.ts';
import { Waterfall } from './waterfall.tsx';

export function TraceView({ model, onReload }: { model: TraceModel; onReload: () => void }) {
	const view = useTraceView(model);
	const { state, selected } = view;
	const path = useMemo(() => criticalPath(model), [model]);
	const logs = useQuery(traceLogsQuery(model.response.traceId));
	const logsOfSpan = useMemo(() => groupLogs(model, logs.data?.logs ?? []), [model, logs.data]);
	const [help, setHelp] = useState(false);
	const filter = useRef<HTMLInputElement>(null);
	useTraceKeys(view, { filter, help, setHelp });
	useFirstSight(view);
	const narrow = useMediaQuery('(max-width: 640px)', undefined, { getInitialValueInEffect: false });
	const divider = useDockWidth();
	const docked = selected >= 0 && !narrow;
	return (
		<div className="trace" data-dock={docked} style={{ ['--dock-width' as string]: `${divider.widthPx}px` }}>
			<div className="trace__top">
				<TraceHeader
					model={model}
					filter={state.filter}
					onFilter={(text) => view.change({ filter: text })}
					onReload={onReload}
					onLinked={(spanId) => view.select(model.nodeOfSpan.get(spanId) ?? -1, 'links')}
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
				{state.view === 'logs' ? <TraceLogs view={view} query={logs} /> : <WaterfallPane view={view} path={path} logs={logsOfSpan} />}
			</div>
			<DockPlace open={selected >= 0} narrow={narrow} divider={divider} onClose={view.close}>
				<SpanDock view={view} path={path} logs={logsOfSpan} query={logs} />
			</DockPlace>
			{help && <KeysHelp onClose={() => setHelp(false)} />}
		</div>
	);
}

function WaterfallPane({ view, path, logs }: { view: TraceViewModel; path: CriticalPath; logs: LogsOfSpans }) {
	const { model, state } = view;
	const [hover, setHover] = useState(-1);
	const latest = useLatest(view);
	const onKeyDown = useCallback((event: KeyboardEvent) => treeKey(event, latest.current), [latest]);
	return (
		<>
			<Minimap model={model} window={view.window} onWindow={view.setWindow} />
			<Waterfall
				model={model}
				rows={view.rows}
				path={state.criticalPath ? path : undefined}
				logs={logs.offsets}
				window={view.window}
				onWindow={view.setWindow}
				selected={view.selected}
				collapsed={view.collapsed}
				collapsible={!view.filtered}
				onSelect={view.select}
				onToggle={view.toggle}
				onHover={setHover}
				scroller={view.scroller}
				onKeyDown={onKeyDown}
			/>
			<SpanSummary view={view} path={path} node={hover} />
		</>
	);
}

interface SpanDockProps {
	readonly view: TraceViewModel;
	readonly path: CriticalPath;
	readonly logs: LogsOfSpans;
	readonly query: UseQueryResult<LogsResponse>;
}

function SpanDock({ view, path, logs, query }: SpanDockProps) {
	if (view.selected < 0) return null;
	return <Dock view={view} path={path} node={view.selected} logs={logs.records.get(view.selected) ?? []} logsState={query} />;
}

/** A link to a span opens with the span in sight. */
function useFirstSight({ selected, show }: TraceViewModel): void {
	const shown = useRef(false);
	useEffect(() => {
		if (shown.current || selected < 0) return;
		shown.current = true;
		show(selected);
	}, [selected, show]);
}
