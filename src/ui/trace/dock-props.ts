/** What the dock and its tabs are given. */

import type { LogRecord } from '../../api/contract.ts';
import type { CriticalPath } from './critical-path.ts';
import type { TraceViewModel } from './use-trace-view.ts';

export interface DockProps {
	readonly view: TraceViewModel;
	readonly path: CriticalPath;
	readonly node: number;
	readonly logs: readonly LogRecord[];
	readonly logsState: { readonly isPending: boolean; readonly error: unknown };
}
