/** The logs of the trace in the order of time, each beside the span that wrote it. */

import type { UseQueryResult } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import type { LogRecord, LogsResponse } from '../../api/contract.ts';
import { counted, duration, text } from '../widgets/format.ts';
import { ServiceSwatch } from '../widgets/service-name.tsx';
import { Empty, Failed, MetaLine, Skeleton } from '../widgets/states.tsx';
import { LogLine } from './log-line.tsx';
import { offsetNs } from './logs.ts';
import { nameOf } from './model.ts';
import type { TraceViewModel } from './use-trace-view.ts';

const ROW_PX = 28;

export function TraceLogs({ view, query }: { view: TraceViewModel; query: UseQueryResult<LogsResponse> }) {
	const { data, error, isPending, refetch } = query;
	if (isPending) return <Skeleton rows={12} label="Loading logs" />;
	if (data === undefined) return <Failed what="the logs" error={error} onRetry={() => void refetch()} />;
	if (data.logs.length === 0)
		return (
			<Empty title="No logs in this trace">
				Logs belong to a trace when they carry its id. The Throughline kits add it to every record written inside a span; other loggers need
				an OpenTelemetry bridge.
			</Empty>
		);
	return (
		<>
			<div className="trace-logs__head" aria-hidden="true">
				<span className="trace-logs__time">At</span>
				<span className="trace-logs__service">Service</span>
				<span className="trace-logs__span">Span</span>
				<span>Level and message</span>
			</div>
			<LogList view={view} logs={data.logs} />
			<MetaLine meta={data.meta}>
				<span>{counted(data.logs.length, 'log record')}</span>
			</MetaLine>
		</>
	);
}

function LogList({ view, logs }: { view: TraceViewModel; logs: readonly LogRecord[] }) {
	const scroller = useRef<HTMLDivElement>(null);
	const { model } = view;
	const start = BigInt(model.response.startNs);
	// oxlint-disable-next-line react/incompatible-library -- it warns of the React Compiler, which is not used here
	const virtualizer = useVirtualizer({
		count: logs.length,
		getScrollElement: () => scroller.current,
		estimateSize: () => ROW_PX,
		overscan: 20,
	});
	return (
		<div ref={scroller} className="trace-logs" role="list" aria-label="Logs of the trace" tabIndex={0}>
			<div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
				{virtualizer.getVirtualItems().map(({ index, start: top }) => {
					const log = logs[index];
					if (log === undefined) return null;
					const node = model.nodeOfSpan.get(log.spanId);
					return (
						<div
							key={index}
							className="trace-logs__row"
							role="listitem"
							style={{ top, height: ROW_PX }}
							data-selected={node !== undefined && node === view.selected}
							// The button in it is what keyboards and readers use.
							onClick={() => node !== undefined && view.select(node)}
						>
							<span className="trace-logs__time code" title={log.timeNs}>
								{text(duration(offsetNs(start, log.timeNs)))}
							</span>
							<span className="trace-logs__service">
								<ServiceSwatch service={log.service} />
								<span className="ellipsis">{log.service}</span>
							</span>
							{node === undefined ? (
								<span
									className="trace-logs__span trace-logs__span--none ellipsis"
									title={log.spanId === '' ? 'the record names no span' : `span ${log.spanId} is not here`}
								>
									no span
								</span>
							) : (
								<button type="button" className="trace-logs__span ellipsis" title="Show this span">
									{nameOf(model, node)}
								</button>
							)}
							<LogLine log={log} />
						</div>
					);
				})}
			</div>
		</div>
	);
}
