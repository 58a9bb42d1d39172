/** What happened during a span, in order, each with its attributes. */

import { IconAlertCircle, IconPointFilled } from '@tabler/icons-react';
import type { SpanDetail } from '../../api/contract.ts';
import { dateTimeNs, duration, text } from '../widgets/format.ts';
import { AttributeList } from './attribute-list.tsx';
import { offsetNs } from './logs.ts';
import type { TraceModel } from './model.ts';

export function DockEvents({ model, node, detail }: { model: TraceModel; node: number; detail: SpanDetail }) {
	if (detail.events.length === 0) return <p className="dock__none">No events. Spans record them for exceptions, retries and messages.</p>;
	const start = BigInt(model.response.startNs) + BigInt(Math.round(model.start[node] as number));
	return (
		<>
			{detail.events.map((event, index) => (
				<section key={`${event.timeNs} ${index}`} className="dock__item">
					<h4 data-error={event.name === 'exception'}>
						{event.name === 'exception' ? (
							<IconAlertCircle size={14} aria-hidden="true" />
						) : (
							<IconPointFilled size={12} aria-hidden="true" />
						)}
						{event.name}
						<span className="quiet" title={dateTimeNs(event.timeNs)}>
							{text(duration(offsetNs(start, event.timeNs)))} into the span
						</span>
					</h4>
					{event.attributes.length > 0 && (
						<AttributeList attributes={event.attributes} dropped={event.droppedAttributes} what="event attributes" searchable={false} />
					)}
				</section>
			))}
			{detail.droppedEvents > 0 && (
				<p className="dock__none">{detail.droppedEvents} more were dropped by the SDK: its limit was reached.</p>
			)}
		</>
	);
}
