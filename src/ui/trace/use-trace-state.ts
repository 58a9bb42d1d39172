/**
 * The state of the trace page: changed at once on the screen, written to the URL a moment later, so that a held key or a drag does not
 * flood the browser's history (browsers refuse more than some 20 writes a second). Back and forward bring it back.
 */

import { useCallback, useEffect, useRef, useState } from 'react';
import { readTraceState, type TraceState, writeTraceState } from '../app/url-state.ts';
import { useUrl } from '../app/use-url.ts';

const WRITE_AFTER_MS = 160;

/** `push` adds a step to the history, at once. */
export type ChangeTrace = (change: Partial<TraceState> | ((state: TraceState) => Partial<TraceState>), push?: boolean) => void;

export function useTraceState(): [TraceState, ChangeTrace] {
	const [params, update] = useUrl();
	const [state, setState] = useState(() => readTraceState(params));
	const latest = useRef(state);
	/** What the URL holds of `state`; anything else there came from the history. */
	const written = useRef(params.toString());
	const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

	const write = useCallback(
		(replace: boolean) => {
			clearTimeout(timer.current);
			timer.current = undefined;
			update(
				(next) => {
					writeTraceState(next, latest.current);
					written.current = next.toString();
				},
				{ replace, state: history.state },
			);
		},
		[update],
	);
	const change = useCallback<ChangeTrace>(
		(part, push = false) => {
			if (push && timer.current !== undefined) write(true);
			latest.current = { ...latest.current, ...(typeof part === 'function' ? part(latest.current) : part) };
			setState(latest.current);
			if (push) return write(false);
			clearTimeout(timer.current);
			timer.current = setTimeout(() => write(true), WRITE_AFTER_MS);
		},
		[write],
	);
	useEffect(() => {
		if (params.toString() === written.current) return;
		written.current = params.toString();
		clearTimeout(timer.current);
		timer.current = undefined;
		latest.current = readTraceState(params);
		setState(latest.current);
	}, [params]);
	// Leaving the page ends the wait; the address is another page's by then.
	useEffect(() => () => clearTimeout(timer.current), []);
	return [state, change];
}
