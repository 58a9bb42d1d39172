/** The logs one span wrote. */

import type { LogRecord } from '../../api/contract.ts';
import { dateTimeNs, duration, text } from '../widgets/format.ts';
import { Failed, Skeleton } from '../widgets/states.tsx';
import { AttributeList } from './attribute-list.tsx';
import { LogLine } from './log-line.tsx';
import { offsetNs } from './logs.ts';
import type { TraceModel } from './model.ts';

export function DockLogs({
	model,
	logs,
	waiting,
	error,
}: {
	model: TraceModel;
	logs: readonly LogRecord[];
	waiting: boolean;
	error: unknown;
}) {
	if (waiting) return <Skeleton rows={6} label="Loading logs" />;
	if (error !== null && logs.length === 0) return <Failed what="the logs" error={error} />;
	if (logs.length === 0) return <p className="dock__none">No logs carry the id of this span.</p>;
	const start = BigInt(model.response.startNs);
	return (
		<>
			{logs.map((log, index) => (
				<section key={`${log.timeNs} ${index}`} className="dock__item">
					<h4>
						<LogLine log={{ ...log, attributes: [] }} />
					</h4>
					<p className="quiet" title={dateTimeNs(log.timeNs)}>
						at {text(duration(offsetNs(start, log.timeNs)))}
					</p>
					{log.attributes.length > 0 && <AttributeList attributes={log.attributes} dropped={0} what="log attributes" searchable={false} />}
				</section>
			))}
		</>
	);
}
