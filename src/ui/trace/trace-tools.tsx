/** The line over the waterfall: waterfall or logs, the filter and what it found, the critical path, collapse, zoom, keys. */

import { IconArrowsMaximize, IconFold, IconFoldDown, IconKeyboard, IconRoute, IconX } from '@tabler/icons-react';
import type { RefObject } from 'react';
import { counted, duration, grouped, text } from '../widgets/format.ts';
import type { TraceViewModel } from './use-trace-view.ts';

export interface TraceToolsProps {
	readonly view: TraceViewModel;
	readonly filterRef: RefObject<HTMLInputElement | null>;
	readonly logCount: number | undefined;
	readonly onHelp: () => void;
}

export function TraceTools({ view, filterRef, logCount, onHelp }: TraceToolsProps) {
	const { state, change, rows } = view;
	return (
		<div className="trace-tools" role="toolbar" aria-label="Trace view">
			<div className="segments" role="group" aria-label="View">
				<button
					type="button"
					className="button"
					aria-pressed={state.view === 'waterfall'}
					onClick={() => change({ view: 'waterfall' }, true)}
				>
					Waterfall
				</button>
				<button type="button" className="button" aria-pressed={state.view === 'logs'} onClick={() => change({ view: 'logs' }, true)}>
					Logs
					{logCount !== undefined && <span className="quiet">{grouped(logCount)}</span>}
				</button>
			</div>
			{state.view === 'waterfall' && (
				<>
					<FilterField view={view} filterRef={filterRef} />
					{view.filtered && (
						<span className="quiet" role="status">
							{counted(rows.matches, 'match', 'matches')}
						</span>
					)}
					<Actions view={view} onHelp={onHelp} />
				</>
			)}
		</div>
	);
}

function FilterField({ view: { state, change }, filterRef }: Pick<TraceToolsProps, 'view' | 'filterRef'>) {
	return (
		<div className="trace-tools__filter">
			<input
				ref={filterRef}
				className="field"
				aria-label="Filter spans"
				title="Words in name or service, service:orders, status:error, kind:client"
				placeholder="Filter spans"
				spellCheck={false}
				value={state.filter}
				onChange={(event) => change({ filter: event.currentTarget.value })}
				onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
			/>
			{state.filter === '' ? (
				<kbd className="kbd">/</kbd>
			) : (
				<button type="button" className="trace-tools__clear" aria-label="Clear the filter" onClick={() => change({ filter: '' })}>
					<IconX size={12} aria-hidden="true" />
				</button>
			)}
		</div>
	);
}

function Actions({ view, onHelp }: Pick<TraceToolsProps, 'view' | 'onHelp'>) {
	const { state, change, window } = view;
	const quiet = [
		{ label: 'Collapse everything', key: 'H', Icon: IconFold, run: view.collapseAll, className: 'trace-tools__fold' },
		{ label: 'Expand everything', key: 'L', Icon: IconFoldDown, run: view.expandAll, className: 'trace-tools__fold' },
		{ label: 'Keys', key: '?', Icon: IconKeyboard, run: onHelp, className: 'trace-tools__keys' },
	];
	return (
		<div className="trace-tools__end">
			{state.window !== undefined && (
				<button type="button" className="button" onClick={() => change({ window: undefined })} title="Show the whole trace (0)">
					<IconArrowsMaximize size={14} aria-hidden="true" />
					{text(duration(window.to - window.from))}
					<span className="hidden-visually">shown; show the whole trace</span>
				</button>
			)}
			<button
				type="button"
				className="button"
				aria-pressed={state.criticalPath}
				aria-label="Critical path"
				onClick={() => change({ criticalPath: !state.criticalPath })}
				title="The chain of work that decided how long the trace took (c)"
			>
				<IconRoute size={14} aria-hidden="true" />
				<span className="trace-tools__label">Critical path</span>
			</button>
			{quiet.map(({ label, key, Icon, run, className }) => (
				<button
					key={key}
					type="button"
					className={`button button--quiet button--square ${className}`}
					onClick={run}
					title={`${label} (${key})`}
					aria-label={label}
				>
					<Icon size={15} aria-hidden="true" />
				</button>
			))}
		</div>
	);
}
