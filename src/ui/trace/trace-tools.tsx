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
	const { state, change, window, rows } = view;
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
					{view.filtered && (
						<span className="quiet" role="status">
							{counted(rows.matches, 'match', 'matches')}
						</span>
					)}
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
							onClick={() => change({ criticalPath: !state.criticalPath })}
							title="The chain of work that decided how long the trace took (c)"
						>
							<IconRoute size={14} aria-hidden="true" />
							<span className="trace-tools__label">Critical path</span>
						</button>
						<button
							type="button"
							className="button button--quiet button--square"
							onClick={view.collapseAll}
							title="Collapse everything (H)"
							aria-label="Collapse everything"
						>
							<IconFold size={14} aria-hidden="true" />
						</button>
						<button
							type="button"
							className="button button--quiet button--square"
							onClick={view.expandAll}
							title="Expand everything (L)"
							aria-label="Expand everything"
						>
							<IconFoldDown size={14} aria-hidden="true" />
						</button>
						<button
							type="button"
							className="button button--quiet button--square trace-tools__keys"
							onClick={onHelp}
							title="Keys (?)"
							aria-label="Keys"
						>
							<IconKeyboard size={16} aria-hidden="true" />
						</button>
					</div>
				</>
			)}
		</div>
	);
}
