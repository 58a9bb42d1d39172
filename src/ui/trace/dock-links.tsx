/** Links in both directions: spans this one points to, and spans elsewhere that point to it. */

import { IconArrowDownLeft, IconArrowUpRight } from '@tabler/icons-react';
import { Link } from 'wouter';
import type { SpanDetail } from '../../api/contract.ts';
import { tracePath } from '../app/routes.ts';
import { useSearch } from '../app/use-url.ts';
import { shortId } from '../widgets/format.ts';
import { ServiceName } from '../widgets/service-name.tsx';
import { AttributeList } from './attribute-list.tsx';
import { nameOf, serviceOf, type TraceModel } from './model.ts';

export function DockLinks({ model, detail }: { model: TraceModel; detail: SpanDetail }) {
	const search = useSearch();
	const from = model.response.linkedFrom.filter((link) => link.linkedSpanId === detail.spanId);
	if (detail.links.length + from.length === 0)
		return <p className="dock__none">No links. Batch consumers and detached work use them to name the spans that caused them.</p>;
	return (
		<>
			{detail.links.length > 0 && <h4 className="dock__heading">Points to</h4>}
			{detail.links.map((link, index) => {
				const own = link.traceId === model.response.traceId ? model.nodeOfSpan.get(link.spanId) : undefined;
				return (
					<section key={`${link.spanId} ${index}`} className="dock__item">
						<h4>
							<IconArrowUpRight size={14} aria-hidden="true" />
							<Link className="link" href={tracePath(link.traceId, search, link.spanId)}>
								{own === undefined ? (
									<span className="code">trace {shortId(link.traceId)}</span>
								) : (
									`${serviceOf(model, own).service} ${nameOf(model, own)}`
								)}
							</Link>
							<span className="code quiet">{link.spanId}</span>
						</h4>
						{link.attributes.length > 0 && (
							<AttributeList attributes={link.attributes} dropped={0} what="link attributes" searchable={false} />
						)}
					</section>
				);
			})}
			{detail.droppedLinks > 0 && <p className="dock__none">{detail.droppedLinks} more were dropped by the SDK: its limit was reached.</p>}
			{from.length > 0 && <h4 className="dock__heading">Linked from</h4>}
			{from.map((link) => (
				<section key={`${link.traceId} ${link.spanId}`} className="dock__item">
					<h4>
						<IconArrowDownLeft size={14} aria-hidden="true" />
						<ServiceName service={link.service} />
						<Link className="link ellipsis" href={tracePath(link.traceId, search, link.spanId)}>
							{link.name}
						</Link>
					</h4>
				</section>
			))}
		</>
	);
}
