/** The platform's own log: one JSON object a line on stderr (stdout is for people and for `ready`), by pino. */

import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Config } from './config.ts';

export function createLog(config: Config['log'], stream: DestinationStream = destination({ dest: 2, sync: true })): Logger {
	return pino(
		{
			level: config.level,
			base: { service: 'throughline' },
			timestamp: pino.stdTimeFunctions.isoTime,
			messageKey: 'msg',
			formatters: { level: (label) => ({ level: label }) },
			// `error` is our word, `err` the web server's; without these an error would be written as `{}`.
			serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
			redact: ['*.password', '*.authorization', '*.headers.authorization', '*.headers.cookie'],
		},
		stream,
	);
}
