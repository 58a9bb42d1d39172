/** The left part of a row: guide lines, toggle, service, name. Plain text in the document, so screen readers and searches find it. */

import { IconAlertCircle, IconClockExclamation } from '@tabler/icons-react';
import { memo } from 'react';
import { counted, duration, text } from '../widgets/format.ts';
import { LanguageBadge } from '../widgets/service-name.tsx';
import { guideStyle, guidesOf, INDENT_LEVELS_MAX } from './guides.ts';
import { childCount, FLAG, hasFlag, nameOf, serviceOf, type TraceModel } from './model.ts';

export interface WaterfallRowProps {
	readonly model: TraceModel;
	/** Node number. */
	readonly node: number;
	readonly row: number;
	readonly id: string;
	readonly color: string;
	readonly selected: boolean;
	readonly collapsed: boolean;
	/** False while a filter decides what is shown. */
	readonly collapsible: boolean;
	readonly faint: boolean;
	readonly indentPx: number;
	readonly onSelect: (node: number) => void;
	readonly onToggle: (node: number) => void;
	readonly onHover: (node: number) => void;
}

export const WaterfallRow = memo(function WaterfallRow(props: WaterfallRowProps) {
	const { model, node, row, id, selected, collapsed } = props;
	const depth = model.depth[node] as number;
	const children = childCount(model, node);
	const missing = hasFlag(model, node, FLAG.missing);
	return (
		<div
			id={id}
			className="waterfall__row"
			role="row"
			aria-label={labelOf(model, node)}
			aria-level={depth + 1}
			aria-rowindex={row + 1}
			aria-selected={selected}
			aria-expanded={children > 0 && props.collapsible ? !collapsed : undefined}
			data-faint={props.faint}
			data-missing={missing}
			onClick={() => props.onSelect(node)}
			onPointerEnter={() => props.onHover(node)}
		>
			<div className="waterfall__tree" role="gridcell">
				<span className="waterfall__guides" style={guideStyle(guidesOf(model, node), props.indentPx)} aria-hidden="true" />
				{depth > INDENT_LEVELS_MAX && (
					<span className="waterfall__depth" title={`Level ${depth + 1}`}>
						{depth + 1}
					</span>
				)}
				<Toggle {...props} childCount={children} />
				{missing ? (
					<MissingName model={model} node={node} />
				) : (
					<SpanName model={model} node={node} color={props.color} collapsed={collapsed} />
				)}
			</div>
		</div>
	);
});

/** What a screen reader says of the whole row; the bar is in it. */
function labelOf(model: TraceModel, node: number): string {
	const times = `${text(duration(model.duration[node] as number))}, starts at ${text(duration(model.start[node] as number))}`;
	if (hasFlag(model, node, FLAG.missing)) return `missing parent ${model.missingIds[node - model.spanCount]}, ${times}`;
	return `${serviceOf(model, node).service} ${nameOf(model, node)}, ${model.status[node] === 2 ? 'error, ' : ''}${times}`;
}

function Toggle({ model, node, collapsed, collapsible, onToggle, childCount: children }: WaterfallRowProps & { childCount: number }) {
	if (children === 0 || !collapsible) return <span className="waterfall__toggle" aria-hidden="true" />;
	const below = (model.subtreeSize[node] as number) - 1;
	const label = collapsed ? `Show ${counted(below, 'span')} below` : `Hide ${counted(below, 'span')} below`;
	return (
		<button
			type="button"
			className="waterfall__toggle"
			data-collapsed={collapsed}
			tabIndex={-1}
			title={label}
			aria-label={label}
			onClick={(event) => {
				event.stopPropagation();
				onToggle(node);
			}}
		/>
	);
}

function SpanName({ model, node, color, collapsed }: { model: TraceModel; node: number; color: string; collapsed: boolean }) {
	const { service, language } = serviceOf(model, node);
	const name = nameOf(model, node);
	const failed = model.status[node] === 2;
	const below = model.errorsBelow[node] as number;
	const above = model.parent[node] as number;
	// The service is written where it changes; below that the colour says it again.
	const entersService = above < 0 || hasFlag(model, above, FLAG.missing) || serviceOf(model, above).service !== service;
	return (
		<>
			<span className="waterfall__service" style={{ background: color }} aria-hidden="true" />
			<span className="waterfall__name ellipsis" title={`${service}: ${name}`}>
				{entersService && (
					<>
						<span className="waterfall__service-name">{service}</span>{' '}
					</>
				)}
				<span>{name}</span>
			</span>
			<ChildCount model={model} node={node} collapsed={collapsed} />
			{failed && <IconAlertCircle className="waterfall__error" size={13} aria-label="error" />}
			{!failed && below > 0 && (
				<span className="waterfall__errors-below" title={`${counted(below, 'error')} below`}>
					<IconAlertCircle size={11} aria-label="errors below" />
					{below}
				</span>
			)}
			{hasFlag(model, node, FLAG.skewed) && (
				<span className="waterfall__skew" title="Starts before its parent: the clocks of the two machines disagree">
					<IconClockExclamation size={13} aria-label="clock skew" />
				</span>
			)}
			{entersService && <LanguageBadge language={language} />}
		</>
	);
}

/** Children, or while collapsed all spans below. */
function ChildCount({ model, node, collapsed }: { model: TraceModel; node: number; collapsed: boolean }) {
	const children = childCount(model, node);
	if (children === 0) return null;
	const below = (model.subtreeSize[node] as number) - 1;
	return (
		<span
			className="waterfall__count"
			data-collapsed={collapsed}
			title={`${counted(children, 'child', 'children')}, ${counted(below, 'span')} below`}
		>
			{collapsed ? `+${below}` : children}
		</span>
	);
}

function MissingName({ model, node }: { model: TraceModel; node: number }) {
	const id = model.missingIds[node - model.spanCount] ?? '';
	return (
		<span
			className="waterfall__name waterfall__missing ellipsis"
			title={`No span with id ${id} has arrived: not sent, sampled away, lost, or still on its way`}
		>
			missing parent <span className="code">{id}</span>
		</span>
	);
}

export function HiddenRow({ row, count }: { row: number; count: number }) {
	return (
		<div className="waterfall__row waterfall__row--hidden" role="row" aria-rowindex={row + 1}>
			<div className="waterfall__tree" role="gridcell">
				{counted(count, 'span')} hidden by the filter
			</div>
		</div>
	);
}
