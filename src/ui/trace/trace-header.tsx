/** What the trace is, in one line: root, time, size, errors, who took part. */

import { IconAlertCircle, IconDownload, IconRefresh } from '@tabler/icons-react';
import { useMemo } from 'react';
import { useNow } from '../app/use-now.ts';
import { apiUrl, PATHS } from '../data/api.ts';
import { CopyButton, CopyId } from '../widgets/copy.tsx';
import { count, counted, dateTimeNs, duration, exactDuration, grouped, msOfNs, relativeTime, text } from '../widgets/format.ts';
import { QuantityText } from '../widgets/quantity.tsx';
import { LanguageBadge, ServiceSwatch } from '../widgets/service-name.tsx';
import { nameOf, serviceOf, type TraceModel } from './model.ts';
import { rootNode, servicesOf, shareUrl } from './trace-facts.ts';

export interface TraceHeaderProps {
	readonly model: TraceModel;
	readonly filter: string;
	readonly onFilter: (text: string) => void;
	readonly onReload: () => void;
	/** Shows the links of the span that spans of other traces point to. */
	readonly onLinked: (spanId: string) => void;
}

export function TraceHeader({ model, filter, onFilter, onReload, onLinked }: TraceHeaderProps) {
	const { traceId, startNs, linkedFrom } = model.response;
	const root = rootNode(model);
	const nowMs = useNow(10_000);
	const download = `${apiUrl(PATHS.traceOtlp, { traceId })}`;
	return (
		<header className="trace-header">
			<div className="trace-header__line">
				<h2 className="trace-header__root ellipsis">
					<ServiceSwatch service={serviceOf(model, root).service} />
					<span className="trace-header__service">{serviceOf(model, root).service}</span>
					<span className="ellipsis" title={nameOf(model, root)}>
						{nameOf(model, root)}
					</span>
					{model.parent[root] !== -1 && <span className="tag">root missing</span>}
				</h2>
				<div className="trace-header__actions">
					<button
						type="button"
						className="button button--quiet button--square"
						onClick={onReload}
						title="Look for late spans"
						aria-label="Look for late spans"
					>
						<IconRefresh size={14} aria-hidden="true" />
					</button>
					<CopyLink model={model} />
					<a className="button" href={download} download={`trace-${traceId}.json`} title="Download the trace as OTLP JSON">
						<IconDownload size={14} aria-hidden="true" />
						<span className="trace-header__label">Download</span>
					</a>
				</div>
			</div>
			<dl className="trace-header__facts">
				<Fact name="Duration">
					<QuantityText quantity={duration(model.response.durationNs)} exact={exactDuration(model.response.durationNs)} />
				</Fact>
				<Fact name="Spans">
					<QuantityText quantity={count(model.spanCount)} exact={`${grouped(model.spanCount)} spans`} />
				</Fact>
				<Fact name="Errors">
					{model.errorCount === 0 ? (
						'0'
					) : (
						<button
							type="button"
							className="error-ratio trace-header__errors"
							aria-pressed={filter === 'status:error'}
							title="Show spans with errors"
							onClick={() => onFilter(filter === 'status:error' ? '' : 'status:error')}
						>
							<IconAlertCircle size={13} aria-hidden="true" />
							{text(count(model.errorCount))}
						</button>
					)}
				</Fact>
				<Fact name="Started">
					<time title={`${startNs} ns since the epoch`}>{dateTimeNs(startNs).slice(0, -6)}</time>{' '}
					<span className="quiet">{relativeTime(msOfNs(startNs), nowMs)}</span>
				</Fact>
				<Fact name="Trace">
					<CopyId id={traceId} label="trace id" />
				</Fact>
				{linkedFrom[0] !== undefined && (
					<Fact name="Linked from">
						<button
							type="button"
							className="text-button"
							title="Show who points here"
							onClick={() => onLinked(linkedFrom[0]?.linkedSpanId ?? '')}
						>
							{counted(linkedFrom.length, 'span')}
						</button>
					</Fact>
				)}
			</dl>
			<ServicePills model={model} filter={filter} onFilter={onFilter} />
		</header>
	);
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
	return (
		<div className="fact">
			<dt>{name}</dt>
			<dd>{children}</dd>
		</div>
	);
}

function CopyLink({ model }: { model: TraceModel }) {
	return (
		<span className="trace-header__share">
			<CopyButton text={() => shareUrl(location.href, model)} label="Copy a link to this view">
				<span className="trace-header__label">Copy link</span>
			</CopyButton>
		</span>
	);
}

function ServicePills({ model, filter, onFilter }: Pick<TraceHeaderProps, 'model' | 'filter' | 'onFilter'>) {
	const services = useMemo(() => servicesOf(model), [model]);
	return (
		<ul className="trace-header__services" aria-label="Services">
			{services.map(({ service, language, spanCount, errorCount }) => {
				const own = `service:${service.toLowerCase()}`;
				return (
					<li key={service}>
						<button
							type="button"
							className="service-pill"
							aria-pressed={filter === own}
							title={`Show only ${service}`}
							onClick={() => onFilter(filter === own ? '' : own)}
						>
							<ServiceSwatch service={service} />
							<span>{service}</span>
							<span className="quiet">{text(count(spanCount))}</span>
							<LanguageBadge language={language} />
							{errorCount > 0 && (
								<span className="error-ratio">
									<IconAlertCircle size={12} aria-label="errors" />
									{text(count(errorCount))}
								</span>
							)}
						</button>
					</li>
				);
			})}
		</ul>
	);
}
