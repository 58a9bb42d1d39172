/** One log record on one line: severity in words, then the text. */

import type { LogRecord } from '../../api/contract.ts';
import { severityOf } from './logs.ts';

export function LogLine({ log }: { log: LogRecord }) {
	const severity = severityOf(log.severityNumber);
	const body = log.body === '' ? log.eventName : log.body;
	return (
		<span className="log-line">
			<span className="log-line__severity" data-severity={severity}>
				{severity === 'unset' ? log.severityText || '–' : severity.toUpperCase()}
			</span>
			<span className="code ellipsis" title={body}>
				{body}
			</span>
			{log.attributes.length > 0 && (
				<span className="code quiet ellipsis" title={log.attributes.map(({ key, value }) => `${key}=${value}`).join('\n')}>
					{log.attributes.map(({ key, value }) => `${key}=${value}`).join(' ')}
				</span>
			)}
		</span>
	);
}
