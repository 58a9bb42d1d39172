/** The line under the waterfall: the span under the pointer in one sentence, else what the trace consists of. */

import { counted, duration, percent, text } from '../widgets/format.ts';
import { MetaLine } from '../widgets/states.tsx';
import type { CriticalPath } from './critical-path.ts';
import { FLAG, hasFlag, nameOf, selfTime, serviceOf } from './model.ts';
import type { TraceViewModel } from './use-trace-view.ts';

export function SpanSummary({ view, path, node }: { view: TraceViewModel; path: CriticalPath; node: number }) {
	const { model } = view;
	if (node < 0 || node >= model.spanCount) {
		const missing = model.missingIds.length;
		return (
			<MetaLine meta={model.response.meta}>
				<span>{counted(model.spanCount, 'span')}</span>
				{missing > 0 && <span className="meta-line__warn">{counted(missing, 'parent')} missing</span>}
			</MetaLine>
		);
	}
	const total = path.total[node] as number;
	const marks = [
		hasFlag(model, node, FLAG.async) ? 'outlasts its parent' : '',
		hasFlag(model, node, FLAG.skewed) ? 'starts before its parent: clocks disagree' : '',
		hasFlag(model, node, FLAG.cyclic) ? 'its parents form a circle' : '',
	].filter((mark) => mark !== '');
	return (
		<MetaLine>
			<span className="ellipsis span-summary__name">
				{serviceOf(model, node).service} <strong>{nameOf(model, node)}</strong>
			</span>
			<span>{text(duration(model.duration[node] as number))}</span>
			<span>self {text(duration(selfTime(model, node)))}</span>
			<span>starts at {text(duration(model.start[node] as number))}</span>
			{total > 0 && <span>{text(percent(total / model.extent))} of the critical path</span>}
			{marks.map((mark) => (
				<span key={mark} className="meta-line__warn">
					{mark}
				</span>
			))}
		</MetaLine>
	);
}
