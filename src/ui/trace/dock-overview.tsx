/** The first look at a span: how long, where in the trace, what went wrong, and the attributes people look for first. */

import { IconAlertCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { SpanDetail } from '../../api/contract.ts';
import { CopyId } from '../widgets/copy.tsx';
import { dateTimeNs, duration, exactDuration, percent, type Quantity } from '../widgets/format.ts';
import { QuantityText } from '../widgets/quantity.tsx';
import type { DockProps } from './dock-props.ts';
import { SPAN_KIND_NAMES } from './kinds.ts';
import { FLAG, hasFlag, nameOf, ROOT, selfTime, serviceOf } from './model.ts';

export function DockOverview({ view, path, node, detail }: DockProps & { detail: SpanDetail | undefined }) {
	const { model } = view;
	const { columns, startNs } = model.response;
	const ns = model.duration[node] as number;
	const self = selfTime(model, node);
	const above = model.parent[node] as number;
	const status = model.status[node] as number;
	return (
		<>
			{status === 2 && (
				<div className="dock__error" role="note">
					<IconAlertCircle size={16} aria-hidden="true" />
					<div>
						<strong>Error</strong> {reasonOf(detail)}
						<Exception detail={detail} />
					</div>
				</div>
			)}
			<dl className="dock__facts">
				<Fact name="Duration">
					<Time ns={ns} share={ns / model.extent} of="of the trace" />
				</Fact>
				<Fact name="Self time">
					<Time ns={self} share={ns === 0 ? 0 : self / ns} of="of the span" />
				</Fact>
				<Fact name="Critical path">
					{(path.total[node] as number) > 0 ? (
						<Time ns={path.total[node] as number} share={(path.total[node] as number) / model.extent} of="of the trace" />
					) : (
						<span className="quiet">not on it</span>
					)}
				</Fact>
				<Fact name="Starts at">
					<QuantityText quantity={duration(model.start[node] as number)} exact={exactDuration(model.start[node] as number)} />
					<span className="quiet">{dateTimeNs(String(BigInt(startNs) + BigInt(Math.round(model.start[node] as number)))).slice(11)}</span>
				</Fact>
				<Fact name="Status">{['unset', 'ok', 'error'][status] ?? status}</Fact>
				<Fact name="Kind">{SPAN_KIND_NAMES[columns.kind[node] ?? 0] ?? 'unspecified'}</Fact>
				<Fact name="Parent">
					{above === ROOT ? (
						<span className="quiet">none: this is a root</span>
					) : above >= model.spanCount ? (
						<span>
							missing <CopyId id={model.missingIds[above - model.spanCount] ?? ''} label="parent span id" short={false} />
						</span>
					) : (
						<button type="button" className="text-button ellipsis" onClick={() => view.select(above)}>
							{serviceOf(model, above).service} {nameOf(model, above)}
						</button>
					)}
				</Fact>
				<Fact name="Span id">
					<CopyId id={columns.spanId[node] ?? ''} label="span id" short={false} />
				</Fact>
				{detail !== undefined && detail.traceState !== '' && (
					<Fact name="Trace state">
						<span className="code">{detail.traceState}</span>
					</Fact>
				)}
			</dl>
			<Marks node={node} view={view} detail={detail} />
		</>
	);
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
	return (
		<>
			<dt>{name}</dt>
			<dd>{children}</dd>
		</>
	);
}

function Time({ ns, share, of }: { ns: number; share: number; of: string }) {
	const quantity: Quantity = percent(share);
	return (
		<>
			<QuantityText quantity={duration(ns)} exact={exactDuration(ns)} />
			<span className="quiet">
				<QuantityText quantity={quantity} /> {of}
			</span>
		</>
	);
}

/** The status message, and what kind of error it was: conventions put the one or the other. */
function reasonOf(detail: SpanDetail | undefined): string {
	const type = detail?.attributes.find(({ key }) => key === 'error.type')?.value;
	return [type, detail?.statusMessage].filter((part) => part !== undefined && part !== '').join(': ');
}

/** The message of the first recorded exception, so that the reason of an error needs no further click. */
function Exception({ detail }: { detail: SpanDetail | undefined }) {
	const event = detail?.events.find(({ name }) => name === 'exception');
	if (event === undefined) return null;
	const value = (key: string): string => event.attributes.find((attribute) => attribute.key === key)?.value ?? '';
	const type = value('exception.type');
	const message = value('exception.message');
	return (
		<div className="code">
			{type}
			{type !== '' && message !== '' && ': '}
			{message}
		</div>
	);
}

function Marks({ view, node, detail }: Pick<DockProps, 'view' | 'node'> & { detail: SpanDetail | undefined }) {
	const marks: string[] = [];
	if (hasFlag(view.model, node, FLAG.async)) marks.push('Outlasts its parent: detached or asynchronous work, drawn hatched.');
	if (hasFlag(view.model, node, FLAG.skewed)) marks.push('Starts before its parent: the clocks of the two machines disagree.');
	if (hasFlag(view.model, node, FLAG.cyclic)) marks.push('Its chain of parents leads back to itself, so it is shown as a root.');
	if (detail !== undefined && detail.droppedAttributes + detail.droppedEvents + detail.droppedLinks > 0)
		marks.push(
			`The SDK dropped ${detail.droppedAttributes} attributes, ${detail.droppedEvents} events and ${detail.droppedLinks} links: its limits were reached.`,
		);
	if (marks.length === 0) return null;
	return (
		<ul className="dock__marks">
			{marks.map((mark) => (
				<li key={mark}>{mark}</li>
			))}
		</ul>
	);
}
