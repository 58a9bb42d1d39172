/** The platform's own log: one JSON object a line on stderr (stdout is for people and for `ready`), by pino. */

import { destination, type Logger, pino } from 'pino';
import type { Config } from './config.ts';

export function createLog(config: Config['log']): Logger {
	return pino(
		{
			level: config.level,
			base: { service: 'throughline' },
			timestamp: pino.stdTimeFunctions.isoTime,
			messageKey: 'msg',
			formatters: { level: (label) => ({ level: label }) },
			redact: ['*.password', '*.authorization', '*.headers.authorization', '*.headers.cookie'],
		},
		destination({ dest: 2, sync: true }),
	);
}
