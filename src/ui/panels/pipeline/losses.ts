/** What did not get through, most first, in words that say what to do. */

import type { PipelineResponse } from '../../../api/contract.ts';

export type SignalAccount = PipelineResponse['signals'][number];

export interface Loss {
	readonly signal: SignalAccount['signal'];
	/** Refused before it was acknowledged, or dropped after. */
	readonly kind: 'refused' | 'dropped';
	readonly reason: string;
	readonly records: number;
	/** Of all records of the signal that came in, 0 to 1. */
	readonly share: number;
	readonly meaning: string;
}

const MEANINGS: Readonly<Record<string, string>> = {
	not_durable: 'The disk or the buffer did not take them. Senders were told to try again.',
	dead_letter: 'The database refuses them. They are kept in dead-letter/ below the data directory: throughline buffer inspect.',
	damage: 'The disk changed their bytes. What is left is kept in quarantine/: throughline buffer verify.',
	full: 'The buffer was full and buffer.whenFull lets the oldest go. Find out why the database does not keep up.',
	age: 'They waited longer than buffer.ageMaxMs for the database.',
	trace_id: 'The trace id was not 16 bytes, or all zero. Mend the sender.',
	parent_span_id: 'The parent span id had a wrong length. Mend the sender.',
	body_depth: 'The body nests deeper than is kept.',
	point_attributes: 'More attributes than a data point may have; cutting them would merge different series.',
	request_records: 'The request held more records than one may. Send smaller batches.',
	span_id: 'The span id was not 8 bytes, or all zero. Mend the sender.',
};

export function lossesOf(signals: readonly SignalAccount[]): readonly Loss[] {
	return signals
		.flatMap(({ signal, accepted, recovered, rejected, failed, dropped }) => {
			const refused = { ...rejected, ...(failed > 0 && { not_durable: failed }) };
			const all = accepted + recovered + Object.values(refused).reduce((sum, records) => sum + records, 0);
			const list = (byReason: Readonly<Record<string, number>>, kind: Loss['kind']) =>
				Object.entries(byReason).map(([reason, records]) => ({
					signal,
					kind,
					reason,
					records,
					share: all === 0 ? 0 : records / all,
					meaning: meaningOf(kind, reason),
				}));
			return [...list(refused, 'refused'), ...list(dropped, 'dropped')];
		})
		.toSorted((a, b) => b.records - a.records);
}

function meaningOf(kind: Loss['kind'], reason: string): string {
	return (
		MEANINGS[reason] ??
		(kind === 'refused' ? 'The record broke a rule of OTLP or a limit; the sender got the reason.' : 'The reason is in the log.')
	);
}
