/** The guide lines left of a span: one for each ancestor that has more children below, ending at the last child. */

import { ROOT, type TraceModel } from './model.ts';

/** Pixels a level is indented, on a wide screen and on a phone. */
export const INDENT_PX = { wide: 12, narrow: 7 } as const;
/** Deeper levels share the last indent; the depth is then written out. */
export const INDENT_LEVELS_MAX = 16;

/** Left to right, one for each level shown: no line, a line through the row, or one that ends at its middle. */
export type Guide = 'none' | 'through' | 'end';

export function guidesOf(model: TraceModel, node: number): readonly Guide[] {
	const levels = Math.min(model.depth[node] as number, INDENT_LEVELS_MAX);
	const guides = Array.from({ length: levels }, (): Guide => 'none');
	let at = node;
	for (let level = levels - 1; level >= 0; level--) {
		const above = model.parent[at] as number;
		if (above === ROOT) break;
		const last = model.childList[(model.childOffset[above + 1] as number) - 1] === at;
		guides[level] = last ? (at === node ? 'end' : 'none') : 'through';
		at = above;
	}
	return guides;
}

/** The lines as CSS backgrounds, so that a row needs no element for each. */
export function guideStyle(
	guides: readonly Guide[],
	indentPx: number,
): {
	width: number;
	backgroundImage: string;
	backgroundPosition: string;
	backgroundSize: string;
} {
	const lines = guides.flatMap((guide, level) =>
		guide === 'none' ? [] : [{ at: `${level * indentPx + 7}px 0`, size: guide === 'end' ? '1px 50%' : '1px 100%' }],
	);
	// A short stroke leads from the parent's line to the span.
	if (guides.length > 0) lines.push({ at: `${(guides.length - 1) * indentPx + 7}px 50%`, size: '5px 1px' });
	return {
		width: guides.length * indentPx,
		backgroundImage: lines.map(() => 'linear-gradient(var(--line-strong), var(--line-strong))').join(', '),
		backgroundPosition: lines.map(({ at }) => at).join(', '),
		backgroundSize: lines.map(({ size }) => size).join(', '),
	};
}
