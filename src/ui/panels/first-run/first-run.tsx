/** The Overview before the first span: where to send, what to paste, and a line that turns green when it worked. */

import { IconCircleCheckFilled, IconCircleDashed } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { StatusResponse } from '../../../api/contract.ts';
import { getJson, PATHS } from '../../data/api.ts';
import { CopyButton, Snippet } from '../../widgets/copy.tsx';
import './first-run.css';
import { GO_SNIPPET, RUST_SNIPPET } from './snippets.ts';

const POLL_MS = 1000;
/** Long enough to see the line turn green before the page becomes the Overview. */
const GREEN_MS = 1500;

export function FirstRun({ status }: { status: StatusResponse }) {
	const [language, setLanguage] = useState<'go' | 'rust'>('go');
	return (
		<div className="first-run">
			<section className="first-run__lead">
				<h2>Send the first span</h2>
				<p className="quiet">Throughline is running and waits for OpenTelemetry data. Point any exporter at one of these endpoints.</p>
				<ArrivalLine />
			</section>
			<section className="first-run__step">
				<h3>1. Endpoints</h3>
				<dl className="first-run__endpoints">
					<Endpoint name="OTLP over gRPC" address={status.endpoints.otlpGrpc} />
					<Endpoint name="OTLP over HTTP" address={status.endpoints.otlpHttp} />
				</dl>
			</section>
			<section className="first-run__step">
				<h3>2. Instrument a service</h3>
				<div className="first-run__languages" role="tablist" aria-label="Language">
					{(['go', 'rust'] as const).map((one) => (
						<button
							key={one}
							type="button"
							role="tab"
							className="button"
							aria-selected={language === one}
							data-active={language === one}
							onClick={() => setLanguage(one)}
						>
							{one === 'go' ? 'Go' : 'Rust'}
						</button>
					))}
				</div>
				<div role="tabpanel" aria-label={language === 'go' ? 'Go' : 'Rust'}>
					<Snippet code={language === 'go' ? GO_SNIPPET : RUST_SNIPPET} label={language === 'go' ? 'the Go snippet' : 'the Rust snippet'} />
				</div>
				<p className="quiet">
					Any OpenTelemetry SDK works too: set <code className="code">OTEL_EXPORTER_OTLP_ENDPOINT={status.endpoints.otlpHttp}</code>
				</p>
			</section>
			<section className="first-run__step">
				<h3>Or look around first</h3>
				<p className="quiet">This starts a shop of Go and Rust services with traffic, in the source directory of Throughline:</p>
				<Snippet code="make demo" label="the command" />
			</section>
		</div>
	);
}

function Endpoint({ name, address }: { name: string; address: string }) {
	return (
		<>
			<dt className="quiet">{name}</dt>
			<dd>
				<span className="code ellipsis">{address}</span>
				<CopyButton text={address} label={`Copy ${name} endpoint`} />
			</dd>
		</>
	);
}

/** Asks by itself, so that the page around it changes only after the line has been green for a moment. */
function ArrivalLine() {
	const queryClient = useQueryClient();
	const [arrived, setArrived] = useState(false);
	useEffect(() => {
		if (arrived) {
			const timer = setTimeout(() => void queryClient.invalidateQueries(), GREEN_MS);
			return () => clearTimeout(timer);
		}
		const timer = setInterval(() => {
			getJson<StatusResponse>(PATHS.status).then(
				(status) => setArrived(status.hasData),
				// The top bar says when the platform does not answer.
				() => undefined,
			);
		}, POLL_MS);
		return () => clearInterval(timer);
	}, [arrived, queryClient]);
	return (
		<p className="first-run__line" data-arrived={arrived} role="status">
			{arrived ? <IconCircleCheckFilled size={16} aria-hidden="true" /> : <IconCircleDashed size={16} aria-hidden="true" />}
			{arrived ? 'The first span is here.' : 'Waiting for the first span'}
		</p>
	);
}
