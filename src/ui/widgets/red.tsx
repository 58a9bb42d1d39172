/** Rate, errors, duration: the three numbers of a service or operation, written the same wherever they stand. */

import { IconAlertCircle } from '@tabler/icons-react';
import { counted, duration, exactDuration, grouped, percent, rate, text } from './format.ts';
import { QuantityText } from './quantity.tsx';

/** Fewer calls at a lower rate than these are counted: 0.000276/s tells nobody anything. */
const FEW_CALLS = 10;
const LOW_RATE = 0.01;

export function Rate({ perSecond, calls }: { perSecond: number; calls: number }) {
	if (calls < FEW_CALLS && perSecond < LOW_RATE)
		return (
			<span className="quiet" title={`${text(rate(perSecond))}`}>
				{counted(calls, 'call')}
			</span>
		);
	return <QuantityText quantity={rate(perSecond)} exact={`${grouped(calls)} calls`} />;
}

export function ErrorRatio({ ratio, errors }: { ratio: number; errors: number }) {
	if (errors === 0)
		return (
			<span className="quiet" title="no errors">
				0
			</span>
		);
	return (
		<span className="error-ratio" title={`${grouped(errors)} errors`}>
			<IconAlertCircle size={13} aria-label="errors" />
			<QuantityText quantity={percent(ratio)} />
		</span>
	);
}

export function Latency({ ms }: { ms: number | null }) {
	return ms === null ? <QuantityText quantity={null} /> : <QuantityText quantity={duration(ms * 1e6)} exact={exactDuration(ms * 1e6)} />;
}
