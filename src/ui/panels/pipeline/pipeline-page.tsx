/** Where everything that came in went: accepted, stored, waiting, or turned away for a reason. The platform's honesty on one page. */

import { IconCircleCheck, IconInfoCircle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { PipelineResponse } from '../../../api/contract.ts';
import { Page } from '../../app/page.tsx';
import { useTitle } from '../../app/use-title.ts';
import { pipelineQuery } from '../../data/queries.ts';
import { bytes, count, dateTime, duration, grouped, percent, text } from '../../widgets/format.ts';
import { QuantityText } from '../../widgets/quantity.tsx';
import { Empty, Failed, Notice, Skeleton } from '../../widgets/states.tsx';
import { lossesOf, type SignalAccount } from './losses.ts';
import './pipeline.css';

const NAMES: Readonly<Record<SignalAccount['signal'], string>> = { traces: 'Spans', logs: 'Log records', metrics: 'Data points' };

export function PipelinePage() {
	useTitle('Pipeline');
	return (
		<Page title="Pipeline" withTime={false}>
			<Pipeline />
		</Page>
	);
}

function Pipeline() {
	const { data, error, isPending, refetch } = useQuery(pipelineQuery());
	if (isPending) return <Skeleton rows={6} label="Loading the pipeline" />;
	if (data === undefined) return <Failed what="the pipeline" error={error} onRetry={() => void refetch()} />;
	return (
		<>
			{error !== null && <Failed what="newer figures" error={error} onRetry={() => void refetch()} />}
			<Accounts signals={data.signals} />
			<Losses signals={data.signals} />
			<Buffer buffer={data.buffer} />
			<footer className="meta-line">
				<span>counted since {dateTime(data.sinceMs)}, when the platform started</span>
			</footer>
		</>
	);
}

function Accounts({ signals }: { signals: readonly SignalAccount[] }) {
	const holds = signals.every(({ unaccounted }) => unaccounted === 0);
	return (
		<section>
			<div className="section-head">
				<h2>Accounts</h2>
				<span className="pipeline__verdict" data-holds={holds}>
					{holds ? <IconCircleCheck size={14} aria-hidden="true" /> : <IconInfoCircle size={14} aria-hidden="true" />}
					{holds ? 'every record is accounted for' : 'records are missing from the account'}
				</span>
			</div>
			<table className="pipeline__table">
				<thead>
					<tr>
						<th scope="col">Signal</th>
						<th scope="col" title="Acknowledged to senders, after the disk had them">
							Accepted
						</th>
						<th scope="col" title="Found on disk when the platform started">
							Recovered
						</th>
						<th scope="col" title="In the database: searchable">
							Stored
						</th>
						<th scope="col" title="On disk, on the way into the database">
							In buffer
						</th>
						<th scope="col" title="Acknowledged, and will not reach the database">
							Dropped
						</th>
						<th scope="col" title="Not accepted: senders were told, record by record or for a whole request">
							Refused
						</th>
					</tr>
				</thead>
				<tbody>
					{signals.map((account) => (
						<Row key={account.signal} account={account} />
					))}
				</tbody>
			</table>
		</section>
	);
}

function Row({ account }: { account: SignalAccount }) {
	const { signal, accepted, recovered, stored, inBuffer, dropped, rejected, failed } = account;
	const turnedAway = sum(rejected) + failed;
	return (
		<tr>
			<th scope="row">{NAMES[signal]}</th>
			<Figure label="Accepted" value={accepted} />
			<Figure label="Recovered" value={recovered} />
			<Figure label="Stored" value={stored} />
			<Figure label="In buffer" value={inBuffer} />
			<Figure label="Dropped" value={sum(dropped)} tone={sum(dropped) > 0 ? 'error' : undefined} />
			<Figure label="Refused" value={turnedAway} tone={turnedAway > 0 ? 'warn' : undefined} />
		</tr>
	);
}

function Figure({ label, value, tone }: { label: string; value: number; tone?: 'error' | 'warn' | undefined }) {
	return (
		<td data-label={label} data-tone={tone} data-zero={value === 0}>
			<QuantityText quantity={count(value)} exact={grouped(value)} />
		</td>
	);
}

function Losses({ signals }: { signals: readonly SignalAccount[] }) {
	const losses = lossesOf(signals);
	return (
		<section>
			<div className="section-head">
				<h2>Turned away and lost</h2>
			</div>
			{losses.length === 0 ? (
				<Empty title="Nothing was turned away or lost">
					Records refused, dropped or damaged would stand here, with the reason and what to do.
				</Empty>
			) : (
				<table className="pipeline__table pipeline__table--losses">
					<thead>
						<tr>
							<th scope="col">Reason</th>
							<th scope="col">Records</th>
							<th scope="col">Share</th>
							<th scope="col">What it means</th>
						</tr>
					</thead>
					<tbody>
						{losses.map((loss) => (
							<tr key={`${loss.signal} ${loss.kind} ${loss.reason}`}>
								<th scope="row">
									{NAMES[loss.signal]} {loss.kind}: <span className="code">{loss.reason}</span>
								</th>
								<Figure label="Records" value={loss.records} tone={loss.kind === 'dropped' ? 'error' : 'warn'} />
								<td data-label="Share">
									<QuantityText quantity={percent(loss.share)} exact={`${grouped(loss.records)} of all that came in`} />
								</td>
								<td data-label="What it means">{loss.meaning}</td>
							</tr>
						))}
					</tbody>
				</table>
			)}
		</section>
	);
}

/** Data older than this in the buffer means that the database does not keep up. */
const LATE_SECONDS = 10;

function Buffer({ buffer }: { buffer: PipelineResponse['buffer'] }) {
	const { segments, oldestSeconds, bytesMax } = buffer;
	const share = bytesMax === 0 ? 0 : buffer.bytes / bytesMax;
	return (
		<section>
			<div className="section-head">
				<h2>Buffer</h2>
			</div>
			{oldestSeconds > LATE_SECONDS && (
				<Notice>
					The oldest data has waited {text(duration(oldestSeconds * 1e9))} for the database. Nothing is lost; it is searchable once loaded.
					Look at the platform's log for why loading fails or is slow.
				</Notice>
			)}
			<div className="pipeline__buffer">
				<div
					className="pipeline__gauge"
					role="meter"
					aria-label="Buffer used"
					aria-valuenow={Math.round(share * 100)}
					aria-valuemin={0}
					aria-valuemax={100}
				>
					<div style={{ width: `${Math.min(100, share * 100)}%` }} />
				</div>
				<span>
					<QuantityText quantity={bytes(buffer.bytes)} exact={`${grouped(buffer.bytes)} bytes`} /> of {text(bytes(bytesMax))}
				</span>
				<span className="quiet">
					{grouped(segments)} {segments === 1 ? 'segment' : 'segments'}, the oldest {text(duration(oldestSeconds * 1e9))} old
				</span>
			</div>
		</section>
	);
}

function sum(byReason: Readonly<Record<string, number>>): number {
	return Object.values(byReason).reduce((total, value) => total + value, 0);
}
