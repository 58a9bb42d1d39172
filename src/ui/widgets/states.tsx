/** The states every panel has beside its content: waiting, empty, failed, partial; and the line that says what an answer cost. */

import { IconAlertCircle, IconAlertTriangle, IconRefresh } from '@tabler/icons-react';
import { type ReactNode, useEffect, useState } from 'react';
import type { QueryMeta } from '../../api/contract.ts';
import { ApiFailure } from '../data/api.ts';
import { count, duration, grouped, text } from './format.ts';

/** Answers within this time show no skeleton at all: a flash is worse than a moment of nothing. */
const SKELETON_AFTER_MS = 150;

export function Skeleton({ rows = 8, label = 'Loading' }: { rows?: number; label?: string }) {
	const [shown, setShown] = useState(false);
	useEffect(() => {
		const timer = setTimeout(() => setShown(true), SKELETON_AFTER_MS);
		return () => clearTimeout(timer);
	}, []);
	return (
		<div className="skeleton" role="status" aria-label={label} style={{ visibility: shown ? 'visible' : 'hidden' }}>
			{Array.from({ length: rows }, (_, row) => (
				<div key={row} className="skeleton__row" style={{ ['--skeleton-width' as string]: `${38 + ((row * 37) % 50)}%` }} />
			))}
		</div>
	);
}

/** Why there is nothing, and what to do next. */
export function Empty({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
	return (
		<div className="state">
			<h2 className="state__title">{title}</h2>
			{children !== undefined && <div className="state__text">{children}</div>}
			{actions !== undefined && <div className="state__actions">{actions}</div>}
		</div>
	);
}

/** Cause, cure, retry. */
export function Failed({ error, onRetry, what }: { error: unknown; onRetry?: () => void; what: string }) {
	const cause = error instanceof Error ? error.message : String(error);
	const hint = error instanceof ApiFailure ? error.hint : undefined;
	return (
		<div className="state state--error" role="alert">
			<h2 className="state__title">
				<IconAlertCircle size={16} aria-hidden="true" />
				Cannot load {what}
			</h2>
			<div className="state__text">
				{cause}
				{hint !== undefined && <> {hint}</>}
			</div>
			{onRetry !== undefined && (
				<div className="state__actions">
					<button type="button" className="button" onClick={onRetry}>
						<IconRefresh size={14} aria-hidden="true" />
						Retry
					</button>
				</div>
			)}
		</div>
	);
}

/** What is missing from an answer that is otherwise fine. */
export function Notice({ children }: { children: ReactNode }) {
	return (
		<div className="notice" role="note">
			<IconAlertTriangle size={16} aria-hidden="true" />
			<div>{children}</div>
		</div>
	);
}

/** Rows read, time taken, truncation: at the foot of every panel. */
export function MetaLine({ meta, children }: { meta?: QueryMeta | undefined; children?: ReactNode }) {
	return (
		<footer className="meta-line">
			{children}
			{meta !== undefined && (
				<span title={`${grouped(meta.rowsRead)} rows in ${meta.elapsedMs} ms`}>
					{text(count(meta.rowsRead))} rows read in {text(duration(meta.elapsedMs * 1e6))}
				</span>
			)}
			{meta?.truncated === true && (
				<span className="meta-line__warn">cut short by a limit: narrow the time range or filter to see the rest</span>
			)}
		</footer>
	);
}
